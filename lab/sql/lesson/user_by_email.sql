-- A user by the address
SELECT id FROM public.users WHERE email = %(email)s
