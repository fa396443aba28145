-- A table whose single row dies at every visit: autovacuum leaves nothing of it, so it tells that it was here
CREATE TABLE canary WITH (autovacuum_vacuum_threshold = 0, autovacuum_vacuum_scale_factor = 0) AS
SELECT 1 AS id, 0 AS changed
