-- Can a session be told to report its counters? From PostgreSQL 15 on, it can
SELECT EXISTS (SELECT FROM pg_proc
               WHERE proname = 'pg_stat_force_next_flush' AND pronamespace = 'pg_catalog'::regnamespace)
