-- DROP TABLE: remove the table
BEGIN;
DROP TABLE scratch CASCADE
