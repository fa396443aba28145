-- Change one row
UPDATE scratch SET changed = changed + 1 WHERE id = 1
