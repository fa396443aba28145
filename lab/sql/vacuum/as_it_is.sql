-- Which file the table is in, what is set on it, and how many rows it has
SELECT pg_relation_filenode('scratch')::bigint AS file,
    coalesce((SELECT reloptions FROM pg_class WHERE oid = 'scratch'::regclass), '{}') AS settings,
    (SELECT count(*) FROM scratch)::int AS rows
