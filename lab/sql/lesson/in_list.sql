-- How many users of a list there are; the list is part of the statement
SELECT count(*) FROM users WHERE id IN %(ids)s
