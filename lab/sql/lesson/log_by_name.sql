-- The same rows asked for in another way: another statement
SELECT oid FROM pg_class WHERE relname <> %s AND relname <> %s
