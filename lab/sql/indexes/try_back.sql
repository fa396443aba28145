-- Go back to it, and forget it: nothing happened
ROLLBACK TO SAVEPOINT lab_what_if;
RELEASE SAVEPOINT lab_what_if
