-- Drop a constraint, and with it the index that it is kept by
ALTER TABLE {table} DROP CONSTRAINT {constraint}
