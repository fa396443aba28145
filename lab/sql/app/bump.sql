-- Count one more view of a post
UPDATE posts
SET views = views + 1
WHERE id = :post
RETURNING id, views
