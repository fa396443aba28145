-- How many times statements were dropped for want of room, and when their counters began
SELECT dealloc AS statements_dealloc, stats_reset AS statements_reset
FROM {schema}.pg_stat_statements_info
