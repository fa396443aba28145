-- Which storage parameters are set on the blog's tables?
SELECT c.relname::text, array_agg(split_part(option, '=', 1))
FROM pg_class AS c, unnest(c.reloptions) AS option
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'
GROUP BY c.relname
