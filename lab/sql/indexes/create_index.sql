-- Make an index while others go on to read and write the table
CREATE INDEX CONCURRENTLY ON {table} ({columns})
