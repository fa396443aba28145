-- Remove the sessions that were opened by a lesson
DELETE FROM public.sessions WHERE id = ANY(%(ids)s)
