-- A statement that takes as long as it is told to
SELECT pg_sleep(%(seconds)s)
