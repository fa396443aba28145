-- What else decides when autovacuum comes to this database: the other databases, the workers, the server's start
SELECT clock_timestamp() AS at,
       current_database()::text AS database,
       (SELECT count(*)::int FROM pg_database) AS databases,
       (SELECT count(*)::int FROM pg_stat_activity WHERE backend_type = 'autovacuum worker') AS workers,
       ARRAY(
           SELECT d.datname::text FROM pg_database AS d
           WHERE d.datname <> current_database()
             AND (age(d.datfrozenxid) > current_setting('autovacuum_freeze_max_age')::int
                  OR mxid_age(d.datminmxid) > current_setting('autovacuum_multixact_freeze_max_age')::int)
           ORDER BY age(d.datfrozenxid) DESC
       ) AS endangered,
       pg_postmaster_start_time() AS started_at,
       pg_is_in_recovery() AS in_recovery,
       has_function_privilege('pg_control_system()', 'execute') AS tells_identity
