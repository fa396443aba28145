-- Log every statement of this session
SET log_min_duration_statement = 0
