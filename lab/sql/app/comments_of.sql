-- How many comments a user wrote, and when the last; the sample blog has no index that serves it
SELECT count(*) AS comments, max(created_at) AS last_at
FROM comments
WHERE author_id = :author
