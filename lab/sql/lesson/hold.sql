-- Which backend serves this connection, after it was held for so long?
SELECT pg_backend_pid() FROM pg_sleep(:seconds)
