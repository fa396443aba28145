-- A table that autovacuum analyzes whenever a row of it has changed, so it tells that autovacuum was here
CREATE TABLE canary WITH (autovacuum_vacuum_threshold = 2000000000, autovacuum_vacuum_insert_threshold = -1,
    autovacuum_analyze_threshold = 0, autovacuum_analyze_scale_factor = 0) AS
SELECT 1 AS id, 0 AS changed
