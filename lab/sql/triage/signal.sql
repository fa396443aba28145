-- Signal a session if it is still what was looked at, say what was found, and look again after the signal
WITH fresh AS MATERIALIZED (
    -- inside a transaction the server would repeat what it said before
    SELECT CAST(%(pid)s AS integer) AS pid, pg_stat_clear_snapshot()
),
found AS MATERIALIZED (
    SELECT a.*,
           COALESCE(
               a.backend_start = %(backend_start)s
               AND a.backend_type = 'client backend'
               AND a.pid <> pg_backend_pid()
               AND CASE %(kind)s
                   WHEN 'query' THEN a.state IN ('active', 'fastpath function call') AND a.query_start = %(since)s
                   WHEN 'transaction' THEN
                       -- one that has failed has no xact_start any more
                       a.state LIKE 'idle in transaction%%' AND COALESCE(a.xact_start, a.state_change) = %(since)s
                   WHEN 'idle' THEN a.state = 'idle' AND a.state_change = %(since)s
               END
               AND %(kind)s = ANY (%(kinds)s),
               false
           ) AS matches
    FROM fresh, LATERAL pg_stat_get_activity(fresh.pid) AS a
),
begun AS MATERIALIZED (
    SELECT found.*, pg_stat_clear_snapshot(), clock_timestamp() AS begun_at
    FROM found
),
reread AS MATERIALIZED (
    -- the same once more: it must be at it at this moment, since the next request follows within microseconds
    SELECT begun.*,
           COALESCE(matches
               AND a.backend_start = begun.backend_start
               AND a.query_start IS NOT DISTINCT FROM begun.query_start
               AND a.state = begun.state, false) AS still
    FROM begun, LATERAL pg_stat_get_activity(begun.pid) AS a
),
hit AS MATERIALIZED (
    -- and the signal in the next step, unless something else was given the CPU meanwhile
    SELECT reread.*,
           EXTRACT(epoch FROM clock_timestamp() - begun_at) * 1e6 AS read_us,
           CASE
               WHEN still AND clock_timestamp() - begun_at
                   <= GREATEST(%(limit_us)s * interval '1 microsecond', (begun_at - %(since)s) / 1000)
               THEN {signal}(pid)
               ELSE false
           END AS sent
    FROM reread
),
after AS MATERIALIZED (
    SELECT hit.*, CASE WHEN sent THEN pg_stat_clear_snapshot() END
    FROM hit
),
again AS MATERIALIZED (
    SELECT after.*,
           -- nothing later had begun after the signal, so nothing later can have had it
           COALESCE(a.backend_start = after.backend_start
               AND a.query_start IS NOT DISTINCT FROM after.query_start, %(kind)s <> 'query') AS certain
    FROM after
    LEFT JOIN LATERAL pg_stat_get_activity(after.pid) AS a ON true
)
SELECT {columns}, clock_timestamp() AS seen_at, matches, still, sent, certain, read_us::float AS read_us, pid = pg_backend_pid() AS own
FROM (
    SELECT again.*, pg_get_userbyid(again.usesysid)::text AS usename, d.datname::text
    FROM again
    LEFT JOIN pg_database AS d ON d.oid = again.datid
) AS told
