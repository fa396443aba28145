-- End the sessions of a job, so that they report what they have counted
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = 'job' AND pid <> pg_backend_pid()
