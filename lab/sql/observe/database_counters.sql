-- This database's counters
SELECT {columns} FROM pg_stat_database WHERE datname = current_database()
