-- How full a b-tree index's pages are, by reading all of it
SELECT index_size, internal_pages, leaf_pages, empty_pages, deleted_pages, avg_leaf_density
FROM {schema}.pgstatindex(%(oid)s::oid::regclass)
