-- Write every row as it is: nothing changes
UPDATE scratch SET changed = changed
