-- Hold the gate's lock
SELECT pg_advisory_lock(707)
