-- A table whose columns lie badly: each flag is followed by seven bytes of nothing
DROP TABLE IF EXISTS scene;
CREATE TABLE scene (is_new bool, id bigint, is_paid bool, amount bigint, is_sent bool, weight bigint)
WITH (fillfactor = %(fillfactor)s, autovacuum_enabled = false);
INSERT INTO scene SELECT true, n, false, n, true, n FROM generate_series(1, %(rows)s) AS n
