-- The column that changes gets an index
CREATE INDEX scene_amount ON scene (amount)
