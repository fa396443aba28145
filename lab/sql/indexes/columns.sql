-- Which columns the catalogs and views that tell of indexes have on this server, and in which schema each is
SELECT c.relname::text AS view, quote_ident(n.nspname) AS schema, array_agg(a.attname::text) AS columns
FROM pg_class AS c
JOIN pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE (n.nspname = 'pg_catalog' AND c.relname IN ('pg_index', 'pg_stat_all_indexes', 'pg_stat_all_tables'))
   OR (c.relname = 'pg_stat_statements'
       AND n.oid = (SELECT extnamespace FROM pg_extension WHERE extname = 'pg_stat_statements'))
GROUP BY c.relname, n.nspname
