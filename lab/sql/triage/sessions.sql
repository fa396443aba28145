-- What every process of the server does, since when, and which sessions it waits for
SELECT {columns},
       clock_timestamp() AS seen_at,
       CASE
           WHEN wait_event_type = 'Lock' THEN pg_blocking_pids(pid)
           WHEN wait_event = 'SafeSnapshot' THEN pg_safe_snapshot_blocking_pids(pid)
           -- of others' sessions a plain role is not told that they wait, yet for whom, and what is not granted
           WHEN backend_type IS NULL AND pid IN (SELECT pid FROM pg_locks WHERE NOT granted) THEN pg_blocking_pids(pid)
           WHEN backend_type IS NULL THEN pg_safe_snapshot_blocking_pids(pid)
           ELSE ARRAY[]::integer[]
       END AS blocked_by
FROM pg_stat_activity
WHERE pid <> pg_backend_pid()
ORDER BY pid
