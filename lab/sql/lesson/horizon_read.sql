-- Look at the rows, as any transaction that reads does
SELECT count(*) FROM posts WHERE id = 1
