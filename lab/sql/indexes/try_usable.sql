-- The index that a what-if made, and whether its transaction may use it, all parts of it
-- It may not if rows were updated in place while somebody may look.
SELECT quote_ident(n.nspname) || '.' || quote_ident(x.relname) AS index,
       NOT EXISTS (SELECT FROM pg_index AS p
                   WHERE p.indcheckxmin
                     AND (p.indexrelid = x.oid OR p.indexrelid IN (SELECT relid FROM pg_partition_tree(x.oid)))) AS usable
FROM pg_index AS i
JOIN pg_class AS x ON x.oid = i.indexrelid
JOIN pg_namespace AS n ON n.oid = x.relnamespace
WHERE i.indrelid = to_regclass(%(table)s) AND x.relname = 'lab_what_if'
