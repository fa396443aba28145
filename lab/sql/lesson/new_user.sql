-- A new user; the address has to be one that nobody has
INSERT INTO public.users (id, name, email) VALUES (%(id)s, %(called)s, %(email)s)
