-- Which columns this server has where autovacuum's numbers stand; c is pg_class, s the statistics
SELECT CASE WHEN attrelid = 'pg_catalog.pg_class'::regclass THEN 'c.' ELSE 's.' END || attname AS name
FROM pg_attribute
WHERE attrelid IN ('pg_catalog.pg_class'::regclass, 'pg_catalog.pg_stat_all_tables'::regclass)
  AND attnum > 0 AND NOT attisdropped
