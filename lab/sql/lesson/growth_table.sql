-- A small table that will be updated again and again
DROP TABLE IF EXISTS scene;
CREATE TABLE scene (id int PRIMARY KEY, amount int, note text) WITH (autovacuum_enabled = false);
INSERT INTO scene SELECT n, n, md5(n::text) FROM generate_series(1, %(rows)s) AS n
