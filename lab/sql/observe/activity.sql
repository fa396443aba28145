-- What the client backends of the target database are doing, counted in the server
PREPARE lab_activity AS
SELECT application_name, state, wait_event_type, wait_event, count(*)::int AS backends
FROM pg_stat_activity
WHERE datid = %(datid)s
  AND backend_type = 'client backend'
  AND pid <> pg_backend_pid()
  AND application_name <> 'lab-observer'
  AND left(application_name, 9) <> 'lab-admin'
GROUP BY application_name, state, wait_event_type, wait_event
