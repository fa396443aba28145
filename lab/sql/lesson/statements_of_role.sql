-- How often has a role sent each statement to this database?
SELECT query, sum(calls)::bigint AS calls
FROM pg_stat_statements
WHERE userid = (SELECT oid FROM pg_roles WHERE rolname = %(role)s)
  AND dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
GROUP BY query
