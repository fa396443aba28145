-- Make a table that belongs to the session
CREATE TEMPORARY TABLE lesson_basket (item int)
