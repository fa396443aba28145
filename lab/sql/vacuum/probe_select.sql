-- SELECT: read a row
BEGIN;
SELECT body FROM scratch WHERE id = 1
