-- The same for a role that may not see other roles' sessions: what it cannot see is counted as hidden
PREPARE lab_activity AS
SELECT application_name, CASE WHEN hidden THEN 'hidden' ELSE state END AS state, wait_event_type, wait_event,
       count(*)::int AS backends
FROM (SELECT *, query = '<insufficient privilege>' AS hidden FROM pg_stat_activity) AS sessions
WHERE datid = %(datid)s
  AND (backend_type = 'client backend' OR hidden AND usesysid IS NOT NULL)
  AND pid <> pg_backend_pid()
  AND application_name <> 'lab-observer'
  AND left(application_name, 9) <> 'lab-admin'
GROUP BY 1, 2, wait_event_type, wait_event
