-- Give a table a setting of its own
ALTER TABLE {table} SET ({option} = {value})
