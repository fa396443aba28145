-- What became of the badly laid table: its columns, its rows, and its file beside the first one's
SELECT
    to_regclass('ordered') IS NOT NULL,
    (SELECT array_agg(attname::text || ' ' || atttypid::regtype ORDER BY attname) FROM pg_attribute
     WHERE attrelid = to_regclass('ordered') AND attnum > 0 AND NOT attisdropped),
    pg_relation_size(to_regclass('ordered')),
    pg_relation_size('scene')
