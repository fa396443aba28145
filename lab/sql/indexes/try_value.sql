-- Values that occur: those of a row in the middle
SELECT {columns} FROM {table} WHERE {known} OFFSET {skip} LIMIT 1
