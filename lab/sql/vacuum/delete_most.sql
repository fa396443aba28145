-- Delete nine of ten rows
DELETE FROM scratch WHERE mod(id, 10) <> 0
