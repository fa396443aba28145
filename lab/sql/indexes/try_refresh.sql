-- Before a what-if, and not rolled back: leave no rows that its index would have to pass over, and count what is there
VACUUM (ANALYZE) {table}
