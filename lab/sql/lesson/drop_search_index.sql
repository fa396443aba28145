-- The search is without an index again
DROP INDEX IF EXISTS public.lab_what_if
