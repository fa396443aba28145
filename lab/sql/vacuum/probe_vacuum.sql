-- VACUUM: vacuum the table that is already being vacuumed
VACUUM scratch
