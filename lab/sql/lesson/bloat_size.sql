-- How large the file is now
SELECT pg_relation_size('scene')
