-- Write a new post
INSERT INTO posts (author_id, title, body, views, created_at)
VALUES (:author, :title, :body, 0, now())
RETURNING id
