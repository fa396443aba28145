-- The strongest lock that a session has on the table, or waits for
SELECT mode, granted
FROM pg_locks
WHERE locktype = 'relation' AND relation = 'scratch'::regclass AND pid = %(pid)s
ORDER BY granted, array_position(ARRAY[
    'AccessExclusiveLock', 'ExclusiveLock', 'ShareRowExclusiveLock', 'ShareLock', 'ShareUpdateExclusiveLock',
    'RowExclusiveLock', 'RowShareLock', 'AccessShareLock'], mode)
LIMIT 1
