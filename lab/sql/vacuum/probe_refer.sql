-- INSERT that refers to it: add a row to a table that refers to this one
BEGIN;
INSERT INTO referring (scratch_id) VALUES (1)
