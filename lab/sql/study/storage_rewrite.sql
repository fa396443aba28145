-- Rewrite a table by its storage parameters, without dead rows
VACUUM (FULL, ANALYZE) {table}
