-- How would comments since a moment be found? Nothing is run
EXPLAIN SELECT * FROM public.comments WHERE created_at > CAST(%(since)s AS timestamptz)
