-- How a table's columns are laid out, and how wide and how often null ANALYZE found them
-- Of the values in pg_stats only the lengths are read, and only of types whose stored length follows from the text.
SELECT
    a.attrelid AS oid,
    a.attnum AS number,
    a.attname AS name,
    a.attlen AS length,
    CASE a.attalign WHEN 'c' THEN 1 WHEN 's' THEN 2 WHEN 'i' THEN 4 ELSE 8 END AS align,
    a.attisdropped AS dropped,
    -- its default stands in the catalog, and not in the rows that are older
    a.atthasmissing AS added,
    a.attlen = -1 AND a.attstorage <> 'p' AS shortens,
    s.null_frac AS null_share,
    -- a default in the catalog has a header of four bytes, and short values have one of one byte in a row
    s.avg_width - CASE WHEN a.atthasmissing AND a.attlen = -1 AND s.avg_width <= 130 THEN 3 ELSE 0 END AS width,
    s.n_distinct AS n_distinct,
    CASE WHEN t.typcategory = 'S' AND a.attlen = -1 THEN ARRAY(
        SELECT octet_length(value) FROM unnest(s.most_common_vals::text::text[]) WITH ORDINALITY AS u (value, place)
        ORDER BY place
    ) END AS common_lengths,
    s.most_common_freqs AS common_shares,
    CASE WHEN t.typcategory = 'S' AND a.attlen = -1 THEN ARRAY(
        SELECT octet_length(value) FROM unnest(s.histogram_bounds::text::text[]) AS u (value)
    ) END AS other_lengths
FROM pg_attribute AS a
JOIN pg_class AS c ON c.oid = a.attrelid
JOIN pg_namespace AS n ON n.oid = c.relnamespace
LEFT JOIN pg_type AS t ON t.oid = a.atttypid
LEFT JOIN pg_stats AS s
    ON s.schemaname = n.nspname AND s.tablename = c.relname AND s.attname = a.attname AND NOT s.inherited
WHERE a.attnum > 0
  AND a.attrelid = ANY (%(oids)s::oid[])
ORDER BY a.attrelid, a.attnum
