-- Delete a row
BEGIN;
DELETE FROM scratch WHERE id = 1
