-- Take the demonstration's lock, which goes with the session; false if somebody else has it
SELECT pg_try_advisory_lock(607)
