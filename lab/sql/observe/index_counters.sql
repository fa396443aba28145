-- Each index of the tables: counters and size; no size where it would have to wait for a lock
WITH locked AS MATERIALIZED (
{locked}), counted AS (
    SELECT {columns} FROM pg_stat_all_indexes
)
SELECT counted.*, n.nspname::text AS schema, t.relname::text AS table, i.relname::text AS name,
       CASE WHEN NOT EXISTS (SELECT FROM locked WHERE locked.relation IN (i.oid, t.oid))
            THEN pg_relation_size(i.oid) END AS index_bytes
FROM counted
JOIN pg_class AS i ON i.oid = counted.indexrelid
JOIN pg_class AS t ON t.oid = counted.relid
JOIN pg_namespace AS n ON n.oid = t.relnamespace
WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast') AND n.nspname !~ '^pg_temp_'
