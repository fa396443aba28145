-- Away with the table that was scanned
DROP TABLE scanned
