-- One change, and the threshold is none
UPDATE canary SET changed = changed + 1
