-- The target database's oid, and the database that the observer itself is connected to
SELECT oid::bigint AS datid, datname = current_database() AS is_own
FROM pg_database
WHERE datname = %(target)s
