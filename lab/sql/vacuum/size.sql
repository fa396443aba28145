-- How long the file of the table is, bytes
SELECT pg_relation_size('scratch')
