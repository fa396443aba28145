-- How often the statement that keeps a core busy was executed, and for how long in all, ms
SELECT coalesce(sum(calls), 0)::bigint AS calls, coalesce(sum(total_exec_time), 0)::float8 AS total_ms
FROM pg_stat_statements
WHERE query LIKE '%generate_series%AS n%' AND query LIKE '%sum(n)%'
