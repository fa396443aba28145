-- The same index under another name, as a migration that was written twice leaves it
CREATE INDEX comments_author_id_again ON public.comments USING btree (author_id)
