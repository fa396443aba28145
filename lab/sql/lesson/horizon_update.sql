-- Make every row die once
UPDATE lab.horizon SET changed = changed + 1
