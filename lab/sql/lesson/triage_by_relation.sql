-- Who blocks whom, if one believes a join on the relation: modes and the queue are not looked at
SELECT DISTINCT waiting.pid, holding.pid
FROM pg_locks AS waiting
JOIN pg_locks AS holding ON holding.relation = waiting.relation AND holding.database = waiting.database
WHERE NOT waiting.granted AND holding.granted AND holding.pid <> waiting.pid
