-- A short statement, of which an application sends many
SELECT count(*) FROM generate_series(1, %(rows)s)
