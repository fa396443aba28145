-- Which columns these views and catalogs of PostgreSQL's own have on this server
SELECT c.relname::text AS name, array_agg(a.attname::text) AS columns
FROM pg_class AS c
JOIN pg_namespace AS n ON n.oid = c.relnamespace AND n.nspname = 'pg_catalog'
JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relname = ANY (%(names)s::text[])
GROUP BY c.relname
