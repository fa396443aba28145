-- How much the files of the whole database take, bytes: also those of a table that is being made
SELECT pg_database_size(current_database())
