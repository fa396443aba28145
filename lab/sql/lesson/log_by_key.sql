-- One row by its key, as a driver sends it with its parameters
SELECT relname FROM pg_class WHERE oid = %s AND relname <> %s
