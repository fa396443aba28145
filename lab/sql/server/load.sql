-- The rows of the sample blog: the same ones every time, made by arithmetic alone
-- i * 2654435761 is Knuth's multiplicative hash; its middle bits spread like random numbers and never change.
INSERT INTO public.users (id, name, email, created_at)
SELECT i, 'User ' || i, 'user' || i || '@example.org', timestamptz '2025-01-01 00:00:00Z' + i * interval '1 minute'
FROM generate_series(1, {users}) AS i;

INSERT INTO public.tags (id, name)
SELECT i, 'tag-' || i FROM generate_series(1, {tags}) AS i;

INSERT INTO public.posts (id, author_id, title, body, created_at)
SELECT i,
    1 + (h >> 9) % {users},
    initcap(w[1 + (h >> 5) % 64]) || ' ' || w[1 + (h >> 11) % 64] || ' and ' || w[1 + (h >> 17) % 64] || ' ' || i,
    s[1 + (h >> 6) % 16] || ' ' || s[1 + (h >> 10) % 16] || ' ' || s[1 + (h >> 14) % 16] || ' '
        || initcap(w[1 + (h >> 8) % 64]) || ', ' || w[1 + (h >> 13) % 64] || ' and ' || w[1 + (h >> 19) % 64] || '.',
    timestamptz '2025-02-01 00:00:00Z' + i * interval '10 seconds'
FROM (SELECT i, i * 2654435761 AS h FROM generate_series(1, {posts}) AS i) AS numbered,
    (SELECT
        string_to_array('river stone window garden bread winter letter market paper mountain coffee harbor lamp forest '
            'bridge summer kitchen train island morning clock silver bottle street pencil ocean ladder village candle '
            'mirror orange blanket station feather castle button valley thunder basket copper dinner engine flower '
            'glass hammer jacket kettle lemon meadow needle orchard pillow quarry ribbon saddle table umbrella velvet '
            'wagon yellow zebra anchor barrel cotton', ' ') AS w,
        string_to_array('The table grew faster than anyone had planned.|A short query is not always a quick one.|'
            'Nobody had looked at the clock since the morning.|Every letter finds its window in the end.|'
            'The bridge holds as long as the river is calm.|They measured twice and still cut it wrong.|'
            'An index helps the reader and costs the writer.|The market opens early and closes when it rains.|'
            'What is written once is read a thousand times.|The garden was quiet, apart from the kettle.|'
            'A connection that waits is not a connection that works.|The train left the station two minutes late.|'
            'Old rows stay where they are until somebody sweeps.|The mountain looks smaller from the other side.|'
            'Some questions are answered best by counting.|The lamp in the kitchen stayed on all night.', '|') AS s
    ) AS words;

INSERT INTO public.comments (id, post_id, author_id, body, created_at)
SELECT i,
    1 + (h >> 7) % {posts},
    1 + (h >> 12) % {users},
    'Comment ' || i || ': ' || s[1 + (h >> 6) % 8] || ' ' || s[1 + (h >> 16) % 8],
    timestamptz '2025-03-01 00:00:00Z' + i * interval '2 seconds'
FROM (SELECT i, i * 2654435761 AS h FROM generate_series(1, {comments}) AS i) AS numbered,
    (SELECT string_to_array('I had not seen it that way.|This helped me a lot, thank you.|Does it hold for larger tables?|'
        'I measured something else here.|The second part is the better one.|We found the same last winter.|'
        'Could you show the plan?|It depends on the load.', '|') AS s) AS words;

-- three tags for each post; steps of seven never meet again within twenty tags
INSERT INTO public.post_tags (post_id, tag_id)
SELECT i, 1 + ((i * 2654435761 >> 8) + 7 * k) % {tags}
FROM generate_series(1, {posts}) AS i, generate_series(0, 2) AS k;

SELECT setval('public.users_id_seq', {users}), setval('public.posts_id_seq', {posts}),
    setval('public.comments_id_seq', {comments}), setval('public.tags_id_seq', {tags}),
    setval('public.sessions_id_seq', 1, false);
