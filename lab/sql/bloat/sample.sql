-- A table at this moment: its file, what of it is dead and free, and how often it was vacuumed
SELECT
    t.table_len AS size_bytes,
    t.dead_tuple_len AS dead_bytes,
    t.free_space AS free_bytes,
    pg_stat_get_vacuum_count(c.oid) + pg_stat_get_autovacuum_count(c.oid) AS vacuums
FROM (SELECT %(oid)s::oid AS oid) AS c, LATERAL {schema}.pgstattuple(c.oid::regclass) AS t
