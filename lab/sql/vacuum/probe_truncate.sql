-- TRUNCATE: empty the table
BEGIN;
TRUNCATE scratch, referring
