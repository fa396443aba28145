-- Change every row
UPDATE scratch SET changed = changed + 1
