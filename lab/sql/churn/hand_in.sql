-- Hand in this session's counters now, where a server can be asked to (15 and later)
SELECT pg_stat_force_next_flush()
