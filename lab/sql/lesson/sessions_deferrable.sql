-- Can the check of a session's user wait for the commit?
SELECT coalesce(bool_or(condeferrable), false) AS deferrable
FROM pg_constraint
WHERE conrelid = 'public.sessions'::regclass AND contype = 'f'
