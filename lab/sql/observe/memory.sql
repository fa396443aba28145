-- The memory of each client backend, as the server reads it
SELECT pid, application_name AS application, backend_type, state, rss_bytes, pss_bytes, private_bytes, shared_bytes
FROM lab.backend_memory()
