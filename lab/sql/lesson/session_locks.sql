-- How many sessions hold that lock
SELECT count(*)::int AS locks
FROM pg_locks
WHERE locktype = 'advisory'
  AND objid = 606
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
