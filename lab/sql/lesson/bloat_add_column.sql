-- A column with a default is added; the rows that are there get it when they are written anew
ALTER TABLE scene ADD COLUMN state text DEFAULT 'nobody has asked for it so far, and nobody knows'
