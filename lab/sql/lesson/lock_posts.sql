-- Keep everybody out of a table, as a migration does until it commits
LOCK TABLE public.posts IN ACCESS EXCLUSIVE MODE
