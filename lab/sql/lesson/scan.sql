-- Read every row of that table
SELECT count(*) FROM scanned
