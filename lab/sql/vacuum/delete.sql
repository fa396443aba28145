-- Delete every row
DELETE FROM scratch
