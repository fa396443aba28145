-- The statement before the error that the error route makes on purpose
SELECT 1 AS one
