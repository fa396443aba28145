-- As many new ones begin
INSERT INTO {table} (who, what) SELECT n, repeat('x', 64) FROM generate_series(1, {count}) AS n
