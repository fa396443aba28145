-- How many updates of posts do the statistics views show?
SELECT n_tup_upd FROM pg_stat_user_tables WHERE relid = 'public.posts'::regclass
