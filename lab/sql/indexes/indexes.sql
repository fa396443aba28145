-- Every index of this database's users: what it is made of, what depends on it, and what was counted of it
-- A part of a key is its column or expression, operator class with its parameters, collation, and order.
WITH apart AS MATERIALIZED (
{apart})
SELECT i.indexrelid::bigint AS oid,
       (SELECT h.inhparent::bigint FROM pg_inherits AS h WHERE h.inhrelid = i.indexrelid) AS parent,
       quote_ident(n.nspname) AS schema,
       quote_ident(t.relname) AS table,
       i.indrelid::bigint AS table_oid,
       quote_ident(x.relname) AS name,
       am.amname::text AS method,
       (SELECT array_agg(pg_get_indexdef(i.indexrelid, k, true) ORDER BY k)
        FROM generate_series(1, i.indnkeyatts) AS k) AS keys,
       (SELECT array_agg(concat_ws(' ', i.indclass[k - 1], i.indcollation[k - 1],
                                   (SELECT a.attoptions::text FROM pg_attribute AS a
                                    WHERE a.attrelid = i.indexrelid AND a.attnum = k)) ORDER BY k)
        FROM generate_series(1, i.indnkeyatts) AS k) AS kinds,
       (SELECT array_agg(i.indoption[k - 1]::int ORDER BY k) FROM generate_series(1, i.indnkeyatts) AS k) AS orders,
       (SELECT coalesce(array_agg(pg_get_indexdef(i.indexrelid, k, true) ORDER BY k), '{{}}')
        FROM generate_series(i.indnkeyatts + 1, i.indnatts) AS k) AS included,
       coalesce(pg_get_expr(i.indpred, i.indrelid, true), '') AS predicate,
       i.indexprs IS NOT NULL AS has_expression,
       i.indisunique AS is_unique,
       i.indisprimary AS is_primary,
       i.indisexclusion AS is_exclusion,
       i.indisreplident AS is_replica_identity,
       i.indimmediate AS is_immediate,
       i.indisvalid AS is_valid,
       i.indisready AS is_ready,
       x.relkind = 'I' AS is_partitioned,
       (SELECT c.conname::text FROM pg_constraint AS c
        WHERE c.conindid = i.indexrelid AND c.conrelid = i.indrelid AND c.contype IN ('p', 'u', 'x')) AS constraint,
       EXISTS (SELECT FROM pg_constraint AS c WHERE c.conindid = i.indexrelid AND c.contype = 'f') AS is_referenced,
       (SELECT p.pid FROM pg_stat_progress_create_index AS p WHERE p.index_relid = i.indexrelid LIMIT 1) AS built_by,
       CASE x.relkind WHEN 'i' THEN pg_relation_size(i.indexrelid) END AS size_bytes,
       CASE WHEN x.reltuples >= 0 AND x.relpages > 0 THEN x.reltuples::bigint END AS rows_estimated,
       pg_get_indexdef(i.indexrelid) AS definition,
       {columns}
FROM pg_index AS i
JOIN pg_class AS x ON x.oid = i.indexrelid
JOIN pg_class AS t ON t.oid = i.indrelid
JOIN pg_namespace AS n ON n.oid = t.relnamespace
JOIN pg_am AS am ON am.oid = x.relam
LEFT JOIN pg_stat_all_indexes AS s ON s.indexrelid = i.indexrelid
WHERE t.relkind IN ('r', 'm', 'p') AND t.relpersistence <> 't'
  AND NOT EXISTS (SELECT FROM apart WHERE apart.oid = t.oid)
  AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_toast'
ORDER BY n.nspname, t.relname, x.relname
