-- How many sessions did the job open?
SELECT sessions FROM pg_stat_database WHERE datname = 'job'
