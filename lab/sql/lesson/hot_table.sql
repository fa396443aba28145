-- A table whose rows are to be updated; where asked, the column that changes has an index
DROP TABLE IF EXISTS scene;
CREATE TABLE scene (id int PRIMARY KEY, amount int, note text)
WITH (fillfactor = %(fillfactor)s, autovacuum_enabled = false);
INSERT INTO scene SELECT n, n, md5(n::text) FROM generate_series(1, %(rows)s) AS n
