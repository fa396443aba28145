-- Of how many sessions this role may not know what they do
SELECT count(*)::int AS unseen FROM pg_stat_activity WHERE query = '<insufficient privilege>'
