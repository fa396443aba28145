-- The index on comments that a reader proposes
CREATE INDEX lab_what_if ON public.comments ({columns})
