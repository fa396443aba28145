-- How many pages an exact look at the table reads
EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) SELECT * FROM pgstattuple('scene')
