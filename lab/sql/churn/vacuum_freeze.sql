-- Freeze every page of a table, as an old one is
VACUUM (FREEZE) {table}
