-- Which indexes these tables have, and what decides how large a fresh one would be
WITH locked AS MATERIALIZED (
{locked})
SELECT
    c.oid,
    i.indrelid AS table_oid,
    c.oid::regclass::text AS label,
    am.amname AS method,
    CASE WHEN NOT EXISTS (SELECT FROM locked WHERE locked.relation IN (i.indexrelid, i.indrelid))
         THEN pg_relation_size(i.indexrelid) END AS size_bytes,
    current_setting('block_size')::int AS block_bytes,
    c.reltuples AS counted_rows,
    coalesce(
        (SELECT option_value::int FROM pg_options_to_table(c.reloptions) WHERE option_name = 'fillfactor'),
        CASE am.amname WHEN 'btree' THEN 90 END, 100
    ) AS fillfactor,
    i.indisunique AS is_unique,
    i.indpred IS NOT NULL AS partial,
    am.amname = 'btree'
        AND NOT i.indisunique
        AND i.indnatts = i.indnkeyatts
        AND NOT EXISTS (
            SELECT 1 FROM pg_options_to_table(c.reloptions)
            WHERE option_name = 'deduplicate_items' AND option_value IN ('off', 'false', 'no', '0')
        )
        AND NOT EXISTS (
            SELECT 1 FROM unnest(i.indclass::oid[]) AS k (opclass)
            JOIN pg_opclass AS o ON o.oid = k.opclass
            WHERE NOT EXISTS (
                SELECT 1 FROM pg_amproc AS p
                WHERE p.amprocfamily = o.opcfamily AND p.amproclefttype = o.opcintype AND p.amprocnum = 4
            )
        )
        AND NOT EXISTS (
            SELECT 1 FROM unnest(i.indcollation::oid[]) AS k (used)
            JOIN pg_collation AS l ON l.oid = k.used WHERE NOT l.collisdeterministic
        ) AS merges_duplicates
FROM pg_index AS i
JOIN pg_class AS c ON c.oid = i.indexrelid
JOIN pg_am AS am ON am.oid = c.relam
WHERE i.indrelid = ANY (%(oids)s::oid[]) AND i.indisvalid AND c.relkind = 'i'
ORDER BY size_bytes DESC NULLS LAST, label
