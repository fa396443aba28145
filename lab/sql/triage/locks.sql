-- What these sessions hold and ask, and what prepared transactions hold: names are known in this database only
SELECT {columns},
       d.datname::text AS database_name,
       CASE
           WHEN l.relation IS NOT NULL AND l.database IN (0, own.oid) THEN l.relation::regclass::text
       END AS relation_name,
       l.prepared_xid
FROM (
    SELECT *,
           -- every transaction holds its own number; of those of its subtransactions it has the lowest
           CASE WHEN pid IS NULL THEN
               min(CASE WHEN locktype = 'transactionid' AND mode = 'ExclusiveLock' AND granted
                        THEN transactionid::text::bigint END)
                   OVER (PARTITION BY pid, virtualtransaction)::text
           END AS prepared_xid
    FROM pg_locks
) AS l
CROSS JOIN (SELECT oid FROM pg_database WHERE datname = current_database()) AS own
LEFT JOIN pg_database AS d ON d.oid = l.database
WHERE l.pid = ANY (%(pids)s) OR l.pid IS NULL
