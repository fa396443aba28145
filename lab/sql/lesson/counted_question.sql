-- A statement that is counted while somebody resets
SELECT count(*) AS tags FROM tags
