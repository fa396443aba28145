-- Check the foreign keys that can wait for it at the commit, and not at each statement
SET CONSTRAINTS ALL DEFERRED
