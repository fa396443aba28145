-- A table of rows of a kilobyte, to be scanned
CREATE TABLE scanned AS SELECT n, repeat('x', 960) AS filler FROM generate_series(1, %(rows)s) AS n
