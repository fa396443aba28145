-- How many sessions of this name are there?
SELECT count(*)::int FROM pg_stat_activity WHERE application_name = %(application)s
