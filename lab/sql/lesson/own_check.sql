-- A health check that somebody wrote
SELECT 42
