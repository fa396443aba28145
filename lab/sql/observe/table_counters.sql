-- Each table and its TOAST table: counters, estimates and sizes; no size where it would have to wait for a lock
WITH locked AS MATERIALIZED (
{locked}), counted AS (
    SELECT {columns} FROM pg_stat_all_tables
)
SELECT counted.*, c.reltuples, c.relpages, o.oid IS NOT NULL AS toast, n.nspname::text AS schema,
       coalesce(o.relname, c.relname)::text AS name,
       CASE WHEN free.ok THEN pg_relation_size(c.oid) END AS heap_bytes,
       CASE WHEN free.ok THEN pg_total_relation_size(c.oid) END AS total_bytes
FROM counted
JOIN pg_class AS c ON c.oid = counted.relid
LEFT JOIN pg_class AS o ON o.reltoastrelid = c.oid
JOIN pg_namespace AS n ON n.oid = coalesce(o.relnamespace, c.relnamespace)
CROSS JOIN LATERAL (
    SELECT NOT EXISTS (
        SELECT FROM locked
        WHERE locked.relation IN (c.oid, c.reltoastrelid)
           OR locked.relation IN (SELECT indexrelid FROM pg_index WHERE indrelid IN (c.oid, c.reltoastrelid))
    ) AS ok
) AS free
WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast') AND n.nspname !~ '^pg_temp_'
