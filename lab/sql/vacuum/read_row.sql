-- Read a row by its key
SELECT body FROM scratch WHERE id = 1
