-- Take a lock that belongs to the session, and not to the transaction
SELECT pg_advisory_lock(606)
