-- Which columns this server's statistics views have, and in which schema they are
SELECT c.relname::text AS view, quote_ident(n.nspname) AS schema, array_agg(a.attname::text) AS columns
FROM pg_class AS c
JOIN pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0
WHERE (n.nspname = 'pg_catalog' AND c.relname = 'pg_stat_database')
   OR (c.relname IN ('pg_stat_statements', 'pg_stat_statements_info')
       AND n.oid = (SELECT extnamespace FROM pg_extension WHERE extname = 'pg_stat_statements'))
GROUP BY c.relname, n.nspname
