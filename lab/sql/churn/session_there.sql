-- Has a session not quite ended? It hands in its counters while it ends
SELECT count(*) > 0 FROM pg_stat_activity WHERE pid = {pid}
