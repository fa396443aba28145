-- How many sessions this role may not look at
SELECT count(*)::int AS unseen FROM pg_stat_activity WHERE query = '<insufficient privilege>'
