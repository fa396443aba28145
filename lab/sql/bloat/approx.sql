-- What is live, dead and free in a table, by reading the pages that are not all-visible
SELECT
    table_len, scanned_percent, approx_tuple_count, approx_tuple_len, dead_tuple_count, dead_tuple_len,
    approx_free_space
FROM {schema}.pgstattuple_approx(%(oid)s::oid::regclass)
