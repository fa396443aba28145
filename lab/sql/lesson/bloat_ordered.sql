-- The badly laid table again, its columns in the order of the reader
DROP TABLE IF EXISTS ordered;
CREATE TABLE ordered ({columns}) WITH (autovacuum_enabled = false);
INSERT INTO ordered ({names}) SELECT {names} FROM scene
