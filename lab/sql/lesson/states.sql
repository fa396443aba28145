-- What the backends of an application are doing: how many in each state
SELECT state, count(*)::int AS backends
FROM pg_stat_activity
WHERE application_name = %(application)s
GROUP BY state
