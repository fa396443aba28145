-- The foreign keys and secondary indexes of the sample blog, made once the rows are there
CREATE INDEX posts_author_id_idx ON public.posts (author_id);
CREATE INDEX comments_post_id_idx ON public.comments (post_id);
CREATE INDEX sessions_user_id_idx ON public.sessions (user_id);
ALTER TABLE public.posts ADD FOREIGN KEY (author_id) REFERENCES public.users;
ALTER TABLE public.comments
    ADD FOREIGN KEY (post_id) REFERENCES public.posts,
    ADD FOREIGN KEY (author_id) REFERENCES public.users;
ALTER TABLE public.post_tags
    ADD FOREIGN KEY (post_id) REFERENCES public.posts,
    ADD FOREIGN KEY (tag_id) REFERENCES public.tags;
-- deferrable, so that a lesson can have a commit fail; it is checked at each statement unless a session defers it
ALTER TABLE public.sessions ADD FOREIGN KEY (user_id) REFERENCES public.users DEFERRABLE;
