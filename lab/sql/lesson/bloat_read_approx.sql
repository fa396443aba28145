-- How many pages an approximate look at the table reads
EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) SELECT * FROM pgstattuple_approx('scene')
