-- An index that serves a search for a part of a text: all runs of three letters
CREATE INDEX lab_what_if ON public.posts USING gin (title gin_trgm_ops, body gin_trgm_ops)
