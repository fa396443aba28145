-- Vacuum the table
VACUUM scratch
