-- Give a table the settings that a reader wrote
ALTER TABLE {table} SET ({settings})
