-- How the planner would look for the rows that have changed, and how many it expects
EXPLAIN (FORMAT JSON) SELECT id FROM scratch WHERE changed = 1
