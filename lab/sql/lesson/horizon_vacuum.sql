-- Vacuum the lesson's table, and tell what could not be removed
VACUUM (VERBOSE) lab.horizon
