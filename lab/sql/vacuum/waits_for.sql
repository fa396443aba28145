-- Which sessions keep this one waiting for a lock; empty if it does not wait
SELECT pg_blocking_pids(%(pid)s) AS pids
