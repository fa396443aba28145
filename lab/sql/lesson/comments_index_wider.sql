-- An index that begins with the key of another
CREATE INDEX comments_author_id_created_at_idx ON public.comments (author_id, created_at)
