-- The wide column is dropped
ALTER TABLE scene DROP COLUMN old
