-- The innocent request that follows on the same connection
SELECT pg_sleep(:seconds)
