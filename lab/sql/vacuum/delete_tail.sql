-- Delete the second half of the rows: the last pages of the file
DELETE FROM scratch WHERE id > (SELECT max(id) FROM scratch) / 2
