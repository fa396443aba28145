-- A table with a column of 200 characters that is to be dropped
DROP TABLE IF EXISTS scene;
CREATE TABLE scene (id bigint, old text, note text)
WITH (fillfactor = %(fillfactor)s, autovacuum_enabled = false);
INSERT INTO scene SELECT n, repeat('x', 200), md5(n::text) FROM generate_series(1, %(rows)s) AS n
