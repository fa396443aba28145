-- Lock every row, as SELECT FOR UPDATE does, and write nothing
BEGIN;
SELECT count(*) FROM (SELECT id FROM scratch FOR UPDATE) AS locked;
ROLLBACK
