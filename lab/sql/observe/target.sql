-- The target database's oid; whether the observer is in it itself; whether it may see what other roles do
SELECT oid::bigint AS datid,
       datname = current_database() AS is_own,
       pg_has_role('pg_read_all_stats', 'USAGE') AS may_look
FROM pg_database
WHERE datname = %(target)s
