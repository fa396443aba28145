-- The table of a name as people write it, and if it is partitioned its partitions
SELECT to_regclass(%(name)s)::oid AS oid
UNION
SELECT relid::oid FROM pg_partition_tree(to_regclass(%(name)s)) WHERE isleaf
