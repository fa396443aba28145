-- How many users of a list there are; the list is one value, written as text
SELECT count(*) FROM users WHERE id = ANY(CAST(%(ids)s AS int[]))
