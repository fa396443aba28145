-- The target database's counters, and when the server's shared counters began again (a crash does that)
SELECT {columns}, (SELECT stats_reset FROM pg_stat_bgwriter) AS cluster_reset,
       (SELECT stats_reset FROM pg_stat_archiver) AS archiver_reset
FROM pg_stat_database
WHERE datid = %(datid)s
