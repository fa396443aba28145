-- Empty the tables of the sample blog
TRUNCATE public.users, public.posts, public.comments, public.tags, public.post_tags, public.sessions RESTART IDENTITY;
