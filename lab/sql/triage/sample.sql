-- How many client sessions are in each state, and what they wait for: as it is now, also inside a transaction
SELECT state, wait_event_type, wait_event, backend_type IS NULL AS hidden, count(*)::int AS sessions
FROM (SELECT pg_stat_clear_snapshot()) AS fresh
CROSS JOIN LATERAL pg_stat_get_activity(NULL) AS a
WHERE a.pid <> pg_backend_pid()
  AND (
      a.backend_type = 'client backend'
      -- of others' sessions a role without pg_monitor sees only whose they are; the server's own processes are nobody's
      OR (a.backend_type IS NULL AND a.usesysid IS NOT NULL AND a.datid IS NOT NULL)
  )
GROUP BY state, wait_event_type, wait_event, hidden
