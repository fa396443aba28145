-- What is live, dead and free in a table, by reading all of it
SELECT table_len, tuple_count, tuple_len, dead_tuple_count, dead_tuple_len, free_space
FROM {schema}.pgstattuple(%(oid)s::oid::regclass)
