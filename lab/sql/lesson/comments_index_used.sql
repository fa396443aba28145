-- The index that the comments of a user were missing
CREATE INDEX comments_author_id_idx ON public.comments (author_id)
