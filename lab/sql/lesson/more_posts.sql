-- More posts, which are gone after the lesson: their texts are sums by MD5, so that a part of one is in it alone
INSERT INTO public.posts (id, author_id, title, body, created_at)
SELECT 1000000000 + i, 1 + i %% %(users)s, 'Lesson ' || i,
       md5(i::text) || ' ' || md5('a' || i) || ' ' || md5('b' || i), now()
FROM generate_series(1, %(rows)s) AS i
