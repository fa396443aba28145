-- The target database's oid; whether the observer may see its sessions: all roles' statistics, or at least its owner's
SELECT oid::bigint AS datid,
       pg_has_role('pg_read_all_stats', 'USAGE') OR pg_has_role(datdba, 'USAGE') AS may_look
FROM pg_database
WHERE datname = %(target)s
