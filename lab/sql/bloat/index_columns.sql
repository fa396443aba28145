-- How an index's columns are laid out, and what ANALYZE found of them; of an expression it found it under the index
SELECT
    k.attrelid AS oid,
    k.attnum AS number,
    k.attname AS name,
    k.attlen AS length,
    CASE k.attalign WHEN 'c' THEN 1 WHEN 's' THEN 2 WHEN 'i' THEN 4 ELSE 8 END AS align,
    false AS dropped,
    k.attlen = -1 AND k.attstorage <> 'p' AS shortens,
    s.null_frac AS null_share,
    -- what an expression gave to ANALYZE had a header of four bytes, and short values have one of one byte here
    s.avg_width - CASE WHEN i.indkey[k.attnum - 1] = 0 AND k.attlen = -1 AND s.avg_width <= 130 THEN 3 ELSE 0 END AS width,
    s.n_distinct AS n_distinct,
    CASE WHEN t.typcategory = 'S' AND k.attlen = -1 THEN ARRAY(
        SELECT octet_length(value) FROM unnest(s.most_common_vals::text::text[]) WITH ORDINALITY AS u (value, place)
        ORDER BY place
    ) END AS common_lengths,
    s.most_common_freqs AS common_shares,
    CASE WHEN t.typcategory = 'S' AND k.attlen = -1 THEN ARRAY(
        SELECT octet_length(value) FROM unnest(s.histogram_bounds::text::text[]) AS u (value)
    ) END AS other_lengths
FROM pg_attribute AS k
JOIN pg_index AS i ON i.indexrelid = k.attrelid
JOIN pg_class AS c ON c.oid = CASE i.indkey[k.attnum - 1] WHEN 0 THEN i.indexrelid ELSE i.indrelid END
JOIN pg_namespace AS n ON n.oid = c.relnamespace
LEFT JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[k.attnum - 1] AND a.attnum > 0
LEFT JOIN pg_type AS t ON t.oid = k.atttypid
LEFT JOIN pg_stats AS s
    ON s.schemaname = n.nspname AND s.tablename = c.relname AND s.attname = coalesce(a.attname, k.attname)
    AND NOT s.inherited
WHERE k.attnum > 0
  AND k.attrelid = ANY (%(oids)s::oid[])
ORDER BY k.attrelid, k.attnum
