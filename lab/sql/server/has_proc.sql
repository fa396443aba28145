-- Are the functions that read /proc in this database?
SELECT count(*) = 3 FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace
WHERE n.nspname = 'lab' AND p.proname IN ('read_proc', 'backend_memory', 'server_usage');
