-- Keep a core busy: sum so many numbers, and read no table
SELECT sum(n) FROM generate_series(1, %(rows)s) AS n
