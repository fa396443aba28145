-- One page of posts, the newest first
SELECT id, title, views, author_id
FROM posts
ORDER BY id DESC
LIMIT :limit OFFSET :skip
