-- Since when the counters of this database count, whether this is a standby, and how many standbys there are
SELECT current_database()::text AS database,
       now() AS read_at,
       coalesce(d.stats_reset, b.stats_reset) AS counted_since,
       pg_is_in_recovery() AS in_recovery,
       current_setting('track_counts')::bool AS counts,
       (SELECT count(*)::int FROM pg_stat_replication AS r
        WHERE (r.state IS NULL OR r.state <> 'backup')
          AND NOT EXISTS (SELECT FROM pg_replication_slots AS l
                          WHERE l.active_pid = r.pid AND l.slot_type = 'logical')) AS standbys
FROM pg_stat_database AS d, pg_stat_bgwriter AS b
WHERE d.datname = current_database()
