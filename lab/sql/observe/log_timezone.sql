-- The zone in which the server writes the times of its log
SELECT current_setting('log_timezone')
