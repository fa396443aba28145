-- Put storage parameters of a table back to their defaults
ALTER TABLE {table} RESET ({parameters})
