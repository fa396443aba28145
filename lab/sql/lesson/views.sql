-- How often was a post's counter bumped?
SELECT views FROM posts WHERE id = %s
