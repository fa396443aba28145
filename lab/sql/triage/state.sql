-- Is the session still there, and still at what was signalled?
SELECT a.backend_start IS NOT NULL AS there,
       COALESCE(CASE %(kind)s
           WHEN 'query' THEN a.state IN ('active', 'fastpath function call') AND a.query_start = %(since)s
       END, false) AS at_it
FROM (SELECT CAST(%(pid)s AS integer) AS pid, pg_stat_clear_snapshot()) AS fresh
LEFT JOIN LATERAL pg_stat_get_activity(fresh.pid) AS a ON a.backend_start = %(backend_start)s
