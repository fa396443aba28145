-- Which tables there are, how large they are, and what the catalog knows of them
-- A TOAST table is listed beside the table that it belongs to; other sessions' temporary tables cannot be read.
WITH locked AS MATERIALIZED (
{locked})
SELECT
    c.oid,
    c.relkind::text AS kind,
    coalesce(owner.oid::regclass::text, '') AS toast_of,
    CASE WHEN locked.relation IS NULL THEN pg_relation_size(c.oid) END AS size_bytes,
    current_setting('block_size')::int AS block_bytes,
    c.relpages AS counted_pages,
    c.reltuples AS counted_rows,
    c.relallvisible AS visible_pages,
    coalesce(
        (SELECT option_value::int FROM pg_options_to_table(c.reloptions) WHERE option_name = 'fillfactor'), 100
    ) AS fillfactor,
    c.oid::regclass::text AS label
FROM pg_class AS c
JOIN pg_namespace AS n ON n.oid = c.relnamespace
LEFT JOIN locked ON locked.relation = c.oid
LEFT JOIN pg_class AS owner ON owner.reltoastrelid = c.oid
LEFT JOIN pg_namespace AS home ON home.oid = owner.relnamespace
WHERE c.relkind IN ('r', 'm', 't')
  AND c.relpersistence IN ('p', 'u')
  AND coalesce(home.nspname, n.nspname) NOT IN ('pg_catalog', 'information_schema')
  AND (%(oids)s::oid[] IS NULL OR coalesce(owner.oid, c.oid) = ANY (%(oids)s::oid[]))
ORDER BY size_bytes DESC NULLS LAST, label
