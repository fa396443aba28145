-- An index that nobody asks for
CREATE INDEX comments_created_at_idx ON public.comments (created_at)
