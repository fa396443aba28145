-- INSERT: add a row
BEGIN;
INSERT INTO scratch (id, body) VALUES (0, 'new')
