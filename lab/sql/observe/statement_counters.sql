-- What each statement of this database has cost so far, and whose it is
SELECT {columns}, coalesce(pg_get_userbyid(userid)::text, '') AS role
FROM {schema}.pg_stat_statements
WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
