-- A table with a key, a number and a text; autovacuum leaves it alone
CREATE TABLE scratch (
    id int PRIMARY KEY,
    changed int NOT NULL DEFAULT 0,
    body text NOT NULL
) WITH (autovacuum_enabled = false);
INSERT INTO scratch (id, body)
SELECT n, repeat('x', %(width)s) FROM generate_series(1, %(rows)s) AS n
