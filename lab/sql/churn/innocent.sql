-- The oldest session: one row, found by the primary key. What does it cost, as the server counts?
EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON)
SELECT id, who FROM {table} ORDER BY id LIMIT 1
