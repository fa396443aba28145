-- The one row of a view of the server's counters
SELECT {columns} FROM pg_catalog.pg_stat_{name} AS counters
