-- Who blocks whom, if one joins on the transaction only: whatever waits for a table is missing
SELECT DISTINCT waiting.pid, holding.pid
FROM pg_locks AS waiting
JOIN pg_locks AS holding ON holding.transactionid = waiting.transactionid
WHERE NOT waiting.granted AND holding.granted AND holding.pid <> waiting.pid
