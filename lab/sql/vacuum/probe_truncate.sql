-- Empty the table
BEGIN;
TRUNCATE scratch, referring
