-- Which tables are left out: somebody wants them, one of their indexes or partitions for himself, and names would wait
SELECT t.oid
FROM pg_class AS t
WHERE t.relkind IN ('r', 'm', 'p') AND EXISTS (
    SELECT FROM ({locked}) AS locked
    LEFT JOIN pg_index AS x ON x.indexrelid = locked.relation
    WHERE coalesce(x.indrelid, locked.relation) = t.oid
       OR pg_partition_root(coalesce(x.indrelid, locked.relation)) = pg_partition_root(t.oid)
)
