-- Whether the new table has the rows of the first
SELECT (SELECT count(*) FROM ordered) = (SELECT count(*) FROM scene)
