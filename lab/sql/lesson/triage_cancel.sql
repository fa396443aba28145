-- Cancel by pid, whatever it is that runs there now
SELECT pg_cancel_backend(%(pid)s)
