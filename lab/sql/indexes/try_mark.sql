-- A point to go back to
SAVEPOINT lab_what_if
