-- In which state is this backend?
SELECT state FROM pg_stat_activity WHERE pid = %(pid)s
