-- What each statement of this database that reads tables has asked for and got so far
SELECT {columns}, s.userid = (SELECT oid FROM pg_roles WHERE rolname = current_user) AS is_own
FROM {schema}.pg_stat_statements AS s
WHERE s.dbid = (SELECT oid FROM pg_database WHERE datname = current_database()) AND s.calls > 0
ORDER BY s.calls DESC
