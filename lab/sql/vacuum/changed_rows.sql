-- How many rows have changed
SELECT count(*)::int AS truth FROM scratch WHERE changed = 1
