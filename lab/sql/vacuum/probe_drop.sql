-- Remove the table
BEGIN;
DROP TABLE scratch CASCADE
