-- A table with one column and an index on it, filled in the order of n or at random
-- The index is there before the rows, as in a table that grows.
DROP TABLE IF EXISTS scene;
CREATE TABLE scene (id bigint, key bigint) WITH (autovacuum_enabled = false);
CREATE INDEX scene_key ON scene (key);
INSERT INTO scene
SELECT n, CASE WHEN %(at_random)s THEN ('x' || left(md5(n::text), 15))::bit(60)::bigint ELSE n %% %(keys)s END
FROM generate_series(1, %(rows)s) AS n
