-- Is a prepared transaction left over from a demonstration that was killed?
SELECT count(*)::int AS left_over
FROM pg_prepared_xacts
WHERE gid = 'lab-horizon' AND database = current_database()
