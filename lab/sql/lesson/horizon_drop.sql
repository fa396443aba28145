-- Remove the lesson's table
DROP TABLE IF EXISTS lab.horizon
