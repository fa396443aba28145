-- Terminate by pid, whoever is served there now
SELECT pg_terminate_backend(%(pid)s)
