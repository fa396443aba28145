-- What each statement of the target database has cost so far
SELECT {columns}
FROM {schema}.pg_stat_statements
WHERE dbid = %(datid)s
