-- Who is asked and who asks; when the counters began
SELECT d.oid::bigint AS datid, d.datname::text AS database, clock_timestamp() AS taken_at,
       current_setting('server_version_num')::int AS version,
       pg_postmaster_start_time() AS postmaster_start,
       (SELECT stats_reset FROM pg_stat_bgwriter) AS bgwriter_reset,
       (SELECT stats_reset FROM pg_stat_archiver) AS archiver_reset,
       (SELECT s.stats_reset FROM pg_stat_database AS s WHERE s.datid = d.oid) AS database_reset,
       current_setting('pg_stat_statements.save', true)::bool AS statements_kept,
       current_setting('track_counts')::bool AS track_counts,
       pg_has_role('pg_read_all_stats', 'USAGE') AS sees_all,
       pg_backend_pid() || ' ' || (SELECT a.backend_start FROM pg_stat_get_activity(pg_backend_pid()) AS a)
           AS own_backend
FROM pg_database AS d
WHERE d.datname = current_database()
