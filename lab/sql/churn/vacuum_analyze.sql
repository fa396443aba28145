-- Bring a table's statistics up to date, as after a night's maintenance
VACUUM (ANALYZE) {table}
