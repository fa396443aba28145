-- CREATE INDEX: make an index
BEGIN;
CREATE INDEX ON scratch (changed)
