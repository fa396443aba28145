-- Rows that are to die, and what a holder reads or writes meanwhile
CREATE TABLE held (id int, changed int) WITH
    (autovacuum_vacuum_insert_threshold = -1, autovacuum_analyze_threshold = 2000000000);
INSERT INTO held SELECT n, 0 FROM generate_series(1, {rows}) AS n;
CREATE TABLE posts WITH (autovacuum_enabled = false) AS SELECT n AS id, 0 AS views FROM generate_series(1, 10) AS n
