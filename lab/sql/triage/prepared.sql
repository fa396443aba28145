-- Transactions that are prepared: they hold locks, and belong to no session
SELECT transaction::text AS xid, gid, owner::text AS owner, database::text AS database, prepared
FROM pg_prepared_xacts
ORDER BY prepared
