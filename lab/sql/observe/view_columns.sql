-- Which columns the statistics views of this server have; those of pg_stat_statements where its extension put them
SELECT c.relname::text AS view, quote_ident(n.nspname) AS schema, array_agg(a.attname::text) AS columns
FROM pg_class AS c
JOIN pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE (n.nspname = 'pg_catalog'
       AND c.relname IN ('pg_stat_database', 'pg_stat_all_tables', 'pg_stat_all_indexes', 'pg_stat_bgwriter',
                         'pg_stat_checkpointer', 'pg_stat_wal'))
   OR (c.relname IN ('pg_stat_statements', 'pg_stat_statements_info')
       AND n.oid = (SELECT extnamespace FROM pg_extension WHERE extname = 'pg_stat_statements'))
GROUP BY c.relname, n.nspname
