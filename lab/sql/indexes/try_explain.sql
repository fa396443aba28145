-- Run a statement once, and tell its plan, the blocks that it touched and the WAL that it wrote
EXPLAIN (ANALYZE, BUFFERS, WAL, TIMING OFF, FORMAT JSON) {statement}
