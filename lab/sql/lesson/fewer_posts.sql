-- The posts that a lesson added go
DELETE FROM public.posts WHERE id > 1000000000
