-- Every row dies once
UPDATE held SET changed = changed + 1
