-- How many sessions does the job have open?
SELECT count(*) FROM pg_stat_activity WHERE datname = 'job'
