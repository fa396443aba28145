-- What is really in the table: rows that live, rows that are dead, and the share of the file that is dead or free
SELECT tuple_count::int AS live, dead_tuple_count::int AS dead, dead_tuple_percent AS dead_pct,
    free_percent AS free_pct
FROM pgstattuple('scratch')
