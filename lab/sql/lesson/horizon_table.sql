-- A table of a lesson's own, for rows that are to die; autovacuum leaves it alone
DROP TABLE IF EXISTS lab.horizon;
CREATE TABLE lab.horizon WITH (autovacuum_enabled = false) AS
SELECT n AS id, 0 AS changed FROM generate_series(1, %(rows)s) AS n
