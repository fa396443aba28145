-- Forget the prepared statement
DEALLOCATE lab_planned
