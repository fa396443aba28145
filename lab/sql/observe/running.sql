-- The statements of other clients of this database that have begun and are not over: counted only then
SELECT pid, query_start::text AS since
FROM pg_stat_activity
WHERE datname = current_database() AND state = 'active' AND backend_type = 'client backend' AND pid <> pg_backend_pid()
