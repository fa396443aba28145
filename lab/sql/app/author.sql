-- One user's name, asked for each post of a page: the second half of N+1
SELECT id, name
FROM users
WHERE id = :author
