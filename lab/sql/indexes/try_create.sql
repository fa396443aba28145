-- The index of a what-if: made in a transaction that is rolled back
CREATE INDEX lab_what_if ON {table} ({columns})
