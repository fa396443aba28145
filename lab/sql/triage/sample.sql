-- How many client sessions are in each state, and what they wait for: as it is now, also inside a transaction
SELECT state, wait_event_type, wait_event, count(*)::int AS sessions
FROM (SELECT pg_stat_clear_snapshot()) AS fresh
CROSS JOIN LATERAL pg_stat_get_activity(NULL) AS a
WHERE a.backend_type = 'client backend' AND a.pid <> pg_backend_pid()
GROUP BY state, wait_event_type, wait_event
