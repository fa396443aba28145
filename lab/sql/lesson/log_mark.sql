-- Write a line to the log that is no statement, to see how far it is written
DO $$ BEGIN RAISE LOG 'lab mark %(mark)s'; END $$
