-- Leave every row frozen, visible to all and counted, so that nothing is left over for autovacuum
VACUUM (FREEZE, ANALYZE) public.users, public.posts, public.comments, public.tags, public.post_tags, public.sessions;
