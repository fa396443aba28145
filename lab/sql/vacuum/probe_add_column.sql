-- Add a column
BEGIN;
ALTER TABLE scratch ADD COLUMN added int
