-- What does the shortest of queries take?
SELECT 1
