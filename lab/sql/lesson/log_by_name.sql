-- The same table asked for something else: another statement
SELECT relkind FROM pg_class WHERE oid = %s AND relname <> %s
