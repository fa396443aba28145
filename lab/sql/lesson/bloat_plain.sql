-- A table of three columns that lie well, and its rows
DROP TABLE IF EXISTS scene;
CREATE TABLE scene (id bigint, amount int, note text)
WITH (fillfactor = %(fillfactor)s, autovacuum_enabled = false);
INSERT INTO scene SELECT n, n, md5(n::text) FROM generate_series(1, %(rows)s) AS n
