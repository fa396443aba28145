-- Which backend serves this connection?
SELECT pg_backend_pid()
