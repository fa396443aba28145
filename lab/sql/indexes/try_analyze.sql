-- Statistics of the index's expressions, which the planner has not before
ANALYZE {table}
