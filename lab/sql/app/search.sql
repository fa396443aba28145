-- The most viewed posts that contain a text; no index helps, so every post is read
SELECT id, title, views, author_id, count(*) OVER () AS found
FROM posts
WHERE title LIKE :pattern OR body LIKE :pattern
ORDER BY views DESC, id
LIMIT 20
