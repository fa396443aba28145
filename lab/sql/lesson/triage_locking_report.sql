-- A report that takes long, and lets nobody alter the table meanwhile
LOCK TABLE orders IN ACCESS SHARE MODE; SELECT pg_sleep(600)
