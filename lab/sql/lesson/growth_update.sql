-- Every row is updated once
UPDATE scene SET amount = amount + 1
