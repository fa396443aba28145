-- A report that takes long and is in nobody's way
SELECT pg_sleep(600)
