-- An empty copy of a table with its indexes, for what writing costs
CREATE TABLE lab.what_if (LIKE {table} INCLUDING DEFAULTS INCLUDING INDEXES)
