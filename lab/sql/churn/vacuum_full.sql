-- Rewrite a table and its index
VACUUM (FULL) {table}
