-- The oldest sessions end
DELETE FROM {table} WHERE id IN (SELECT id FROM {table} ORDER BY id LIMIT {count})
