-- The table of a name as people write it, and if it is partitioned all below it; pg_partition_tree would lock them
WITH RECURSIVE tree AS (
    SELECT to_regclass(%(name)s)::oid AS oid
    UNION
    SELECT i.inhrelid FROM tree JOIN pg_class AS c USING (oid) JOIN pg_inherits AS i ON i.inhparent = c.oid
    WHERE c.relkind = 'p'
)
SELECT oid FROM tree
