-- How would the server carry out the prepared statement? It is planned, and not run
EXPLAIN (FORMAT JSON, VERBOSE) EXECUTE lab_planned{values}
