-- The later half of the rows is deleted
DELETE FROM scene WHERE id > %(rows)s / 2
