-- Every foreign key of this database's users: the columns that refer, and the table that is referred to
SELECT c.conname::text AS name,
       c.conrelid::bigint AS table_oid,
       (SELECT array_agg(quote_ident(a.attname) ORDER BY k.place)
        FROM unnest(c.conkey) WITH ORDINALITY AS k(attnum, place)
        JOIN pg_attribute AS a ON a.attrelid = c.conrelid AND a.attnum = k.attnum) AS columns,
       c.confrelid::bigint AS parent_oid
FROM pg_constraint AS c
JOIN pg_class AS t ON t.oid = c.conrelid
JOIN pg_namespace AS n ON n.oid = t.relnamespace
WHERE c.contype = 'f' AND c.conparentid = 0 AND t.relpersistence <> 't'
  AND n.nspname NOT IN ('pg_catalog', 'information_schema')
ORDER BY n.nspname, t.relname, c.conname
