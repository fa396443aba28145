-- Add a column, as a migration does: nobody else may use the table at that moment
ALTER TABLE orders ADD COLUMN note text
