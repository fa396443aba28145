-- Keep the observer's own statements out of the slow log and of pg_stat_statements; it may not set these itself
ALTER ROLE {observer} SET log_min_duration_statement = -1;
ALTER ROLE {observer} SET pg_stat_statements.track = 'none';
ALTER ROLE {observer} SET auto_explain.log_min_duration = -1;
