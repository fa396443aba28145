-- Set storage parameters of a table
ALTER TABLE {table} SET ({parameters})
