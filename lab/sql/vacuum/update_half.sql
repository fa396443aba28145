-- Change every second row
UPDATE scratch SET changed = changed + 1 WHERE mod(id, 2) = 0
