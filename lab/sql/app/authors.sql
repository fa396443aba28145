-- The names of all users of a page at once
SELECT id, name
FROM users
WHERE id = ANY(:authors)
