-- One post with its author's name
SELECT p.id, p.title, p.body, p.views, p.created_at, p.author_id, u.name AS author
FROM posts AS p
JOIN users AS u ON u.id = p.author_id
WHERE p.id = :post
