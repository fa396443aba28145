-- The one row of a view of the server's counters
SELECT {columns} FROM {view}
