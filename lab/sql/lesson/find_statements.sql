-- Look for pg_stat_statements in its schema too, from now on in this session
SELECT set_config('search_path', quote_ident(n.nspname) || ', ' || current_setting('search_path'), false)
FROM pg_extension AS e
JOIN pg_namespace AS n ON n.oid = e.extnamespace
WHERE e.extname = 'pg_stat_statements'
