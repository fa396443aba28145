-- Add the even keys again
INSERT INTO scratch (id, body)
SELECT id + 1, body FROM scratch WHERE mod(id, 2) = 1
