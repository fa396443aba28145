-- How many transactions of this database were committed and rolled back?
SELECT xact_commit, xact_rollback FROM pg_stat_database WHERE datname = current_database()
