-- Keep the observer out of the slow log and the statement statistics; a superuser may
SELECT set_config(name, CASE name WHEN 'pg_stat_statements.track' THEN 'none' ELSE '-1' END, false)
FROM pg_settings
WHERE name IN ('auto_explain.log_min_duration', 'log_min_duration_statement', 'pg_stat_statements.track')
  AND (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)
