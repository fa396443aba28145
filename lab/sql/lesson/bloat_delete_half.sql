-- Every other row is deleted
DELETE FROM scene WHERE id %% 2 = 0 AND id <= %(rows)s
