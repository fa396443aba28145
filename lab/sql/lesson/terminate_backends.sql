-- End these backends
SELECT pg_terminate_backend(pid) FROM unnest(CAST(:pids AS integer[])) AS pid
