-- How many backends an application has
SELECT count(*)::int AS backends
FROM pg_stat_activity
WHERE application_name = %(application)s
