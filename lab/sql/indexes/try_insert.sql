-- Write rows of the table into its copy
INSERT INTO lab.what_if ({columns}) SELECT {columns} FROM {table} LIMIT {rows}
