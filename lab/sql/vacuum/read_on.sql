-- Read a row, and leave the transaction open
BEGIN;
SELECT body FROM scratch WHERE id = 1
