-- Make the lesson's table
CREATE TABLE orders AS SELECT n AS id, 0 AS paid FROM generate_series(1, 1000) AS n
