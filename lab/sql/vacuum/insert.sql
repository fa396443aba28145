-- Add as many rows as there are, with keys above theirs
INSERT INTO scratch (id, body)
SELECT id + (SELECT max(id) FROM scratch), body FROM scratch
