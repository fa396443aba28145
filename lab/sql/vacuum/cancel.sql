-- Cancel what a session of this demonstration is running
SELECT pg_cancel_backend(%(pid)s)
