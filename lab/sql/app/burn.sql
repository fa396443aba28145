-- A statement that keeps a core busy and reads no table
SELECT CAST(sum(n) AS bigint) AS total
FROM generate_series(1, CAST(:rows AS int)) AS n
