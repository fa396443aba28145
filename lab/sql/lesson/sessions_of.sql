-- How many rows of the table of sessions belong to a user?
SELECT count(*)::int FROM public.sessions WHERE user_id = %(user)s
