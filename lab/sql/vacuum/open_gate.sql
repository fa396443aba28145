-- Let the gate's lock go
SELECT pg_advisory_unlock(707)
