-- What the route asks that counts a user's comments
SELECT count(*) AS comments, max(created_at) AS last_at
FROM comments
WHERE author_id = %(author)s
