-- Fill a backend's caches: which columns are there?
SELECT count(*) FROM information_schema.columns
