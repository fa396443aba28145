-- Try to be the only one who makes or changes the lab's things in this database; the lock ends with the session
SELECT pg_try_advisory_lock(hashtextextended('postgresql-performance-lab', 0));
