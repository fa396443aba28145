-- One lookup by the columns that an index is missing for, as a foreign key's check or a page makes it
SELECT * FROM {table} WHERE {condition}
