-- One page of posts with their authors' names, the newest first
SELECT p.id, p.title, p.views, p.author_id, u.name AS author
FROM posts AS p
JOIN users AS u ON u.id = p.author_id
ORDER BY p.id DESC
LIMIT :limit OFFSET :skip
