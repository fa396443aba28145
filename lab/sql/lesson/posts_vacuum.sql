-- What a lesson added is swept, and counted anew
VACUUM (ANALYZE) public.posts
