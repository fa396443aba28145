-- Drop an index while others go on to read and write the table
DROP INDEX CONCURRENTLY {index}
