-- The indexes of the lesson go
DROP INDEX IF EXISTS public.comments_author_id_idx, public.comments_author_id_again,
    public.comments_created_at_idx, public.comments_author_id_created_at_idx
