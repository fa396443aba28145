-- Which tables and indexes must not be touched: others hold them exclusively or queue for that, and a size would wait
SELECT DISTINCT relation FROM pg_locks
WHERE locktype = 'relation' AND mode = 'AccessExclusiveLock'
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND pid IS DISTINCT FROM pg_backend_pid()
