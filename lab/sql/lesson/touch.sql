-- Update one row, so that a counter moves
UPDATE posts SET views = views + 1 WHERE id = 1
