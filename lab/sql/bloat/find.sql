-- The table of a name as people write it
SELECT to_regclass(%(name)s)::oid AS oid
