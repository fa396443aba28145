-- Every foreign key of this database's users: the columns that refer, how many values each has, and the parent
-- The values are as ANALYZE counted them; null where it did not, or where this role may not see them.
SELECT c.conname::text AS name,
       c.conrelid::bigint AS table_oid,
       (SELECT array_agg(quote_ident(a.attname) ORDER BY k.place)
        FROM unnest(c.conkey) WITH ORDINALITY AS k(attnum, place)
        JOIN pg_attribute AS a ON a.attrelid = c.conrelid AND a.attnum = k.attnum) AS columns,
       (SELECT array_agg((SELECT nullif(s.n_distinct, 0)::float8 FROM pg_stats AS s
                          WHERE s.schemaname = n.nspname AND s.tablename = t.relname AND s.attname = a.attname
                          ORDER BY s.inherited DESC LIMIT 1) ORDER BY k.place)
        FROM unnest(c.conkey) WITH ORDINALITY AS k(attnum, place)
        JOIN pg_attribute AS a ON a.attrelid = c.conrelid AND a.attnum = k.attnum) AS distinct,
       c.confrelid::bigint AS parent_oid
FROM pg_constraint AS c
JOIN pg_class AS t ON t.oid = c.conrelid
JOIN pg_namespace AS n ON n.oid = t.relnamespace
WHERE c.contype = 'f' AND c.conparentid = 0 AND t.relpersistence <> 't'
  AND n.nspname NOT IN ('pg_catalog', 'information_schema')
ORDER BY n.nspname, t.relname, c.conname
