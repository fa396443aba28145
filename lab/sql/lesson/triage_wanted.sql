-- A request that somebody wants to cancel
SELECT pg_sleep(:seconds)
