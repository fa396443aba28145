-- The other client backends of a database: what they do, for how long, and how long their last statement took
SELECT pid, coalesce(application_name, '') AS application, state, query_start IS NULL AS never_asked,
       extract(epoch FROM clock_timestamp() - state_change)::float8 AS state_s,
       extract(epoch FROM state_change - query_start)::float8 AS last_s
FROM pg_stat_activity
WHERE datname = coalesce(%(database)s, current_database())
  AND (backend_type = 'client backend' OR backend_type IS NULL) -- null: hidden from this role
  AND pid <> pg_backend_pid()
ORDER BY pid
