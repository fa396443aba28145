-- The shortest question
SELECT 1 AS one
