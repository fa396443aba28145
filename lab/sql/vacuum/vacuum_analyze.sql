-- Vacuum the table, and take new statistics
VACUUM (ANALYZE) scratch
