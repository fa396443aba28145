-- Somebody resets what was counted of one statement
SELECT pg_stat_statements_reset(%(userid)s::oid, %(dbid)s::oid, %(queryid)s)
