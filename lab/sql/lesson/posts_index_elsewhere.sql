-- An index on posts that is of no use for a search
CREATE INDEX lab_what_if ON public.posts (created_at)
