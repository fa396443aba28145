-- Which columns this server's views of sessions and locks have
SELECT c.relname::text AS view, array_agg(a.attname::text) AS columns
FROM pg_class AS c
JOIN pg_namespace AS n ON n.oid = c.relnamespace AND n.nspname = 'pg_catalog'
JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0
WHERE c.relname IN ('pg_stat_activity', 'pg_locks')
GROUP BY c.relname
