-- Change every row, and take it back
BEGIN;
UPDATE scratch SET changed = changed + 1;
ROLLBACK
