-- DELETE: delete a row
BEGIN;
DELETE FROM scratch WHERE id = 1
