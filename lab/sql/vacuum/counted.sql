-- What the statistics count in the table of one scene
SELECT n_live_tup::int AS live, n_dead_tup::int AS dead
FROM pg_stat_user_tables
WHERE relid = 'scratch'::regclass
