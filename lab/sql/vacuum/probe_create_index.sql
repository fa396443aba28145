-- Make an index
BEGIN;
CREATE INDEX ON scratch (changed)
