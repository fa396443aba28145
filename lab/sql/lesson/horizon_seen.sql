-- How a session shows that it holds the horizon: its transaction's number, and the oldest one that it may need to see
SELECT state, backend_xid IS NOT NULL AS has_xid, backend_xmin IS NOT NULL AS has_xmin
FROM pg_stat_activity
WHERE pid = %(pid)s
