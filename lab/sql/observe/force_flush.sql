-- Report this session's counters as soon as this statement is over
SELECT pg_stat_force_next_flush()
