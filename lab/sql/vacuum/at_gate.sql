-- Does this session wait at the gate?
SELECT count(*)::int AS waiting
FROM pg_locks
WHERE locktype = 'advisory' AND objid = 707 AND pid = %(pid)s AND NOT granted
