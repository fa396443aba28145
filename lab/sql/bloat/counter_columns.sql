-- Which columns the view of table statistics has here
SELECT attname::text FROM pg_attribute WHERE attrelid = 'pg_catalog.pg_stat_all_tables'::regclass AND attnum > 0
