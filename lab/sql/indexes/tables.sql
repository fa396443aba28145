-- Every table of this database's users: how large it is, and how it was read and written
WITH apart AS MATERIALIZED (
{apart})
SELECT t.oid::bigint AS oid,
       quote_ident(n.nspname) AS schema,
       quote_ident(t.relname) AS name,
       t.relname::text AS bare_name,
       greatest(t.reltuples, 0)::bigint AS rows_estimated,
       t.reltuples > 0 OR t.relpages > 0 AS is_analyzed,
       apart.oid IS NOT NULL AS is_apart,
       CASE WHEN t.relkind <> 'p' AND apart.oid IS NULL THEN pg_relation_size(t.oid) END AS size_bytes,
       current_setting('block_size')::int AS block_bytes,
       (SELECT h.inhparent::bigint FROM pg_inherits AS h WHERE t.relispartition AND h.inhrelid = t.oid) AS parent,
       t.relkind = 'p' AS is_partitioned,
       {columns}
FROM pg_class AS t
JOIN pg_namespace AS n ON n.oid = t.relnamespace
LEFT JOIN apart ON apart.oid = t.oid
LEFT JOIN pg_stat_all_tables AS s ON s.relid = t.oid
WHERE t.relkind IN ('r', 'm', 'p') AND t.relpersistence <> 't'
  AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_toast'
ORDER BY n.nspname, t.relname
