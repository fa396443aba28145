-- The users that a lesson added go
DELETE FROM public.users WHERE id > 1000000000
