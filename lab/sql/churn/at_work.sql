-- Is autovacuum in this database just now?
SELECT count(*) > 0 FROM pg_stat_activity
WHERE backend_type = 'autovacuum worker' AND datname = current_database()
