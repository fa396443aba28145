-- ALTER TABLE ADD COLUMN: add a column
BEGIN;
ALTER TABLE scratch ADD COLUMN added int
