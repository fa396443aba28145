-- UPDATE: change a row
BEGIN;
UPDATE scratch SET changed = changed + 1 WHERE id = 1
