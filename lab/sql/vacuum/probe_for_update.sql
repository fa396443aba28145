-- SELECT FOR UPDATE: read a row and lock it
BEGIN;
SELECT body FROM scratch WHERE id = 1 FOR UPDATE
