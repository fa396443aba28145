-- Have each new session of a role log everything
ALTER ROLE lab_plain SET log_min_duration_statement = 0
