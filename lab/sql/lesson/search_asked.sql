-- What the search route asks
SELECT id, title, views, author_id, count(*) OVER () AS found
FROM posts
WHERE title LIKE %(pattern)s OR body LIKE %(pattern)s
ORDER BY views DESC, id
LIMIT 20
