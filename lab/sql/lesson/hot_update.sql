-- One row of every few is updated, others in each round
UPDATE scene SET amount = amount + 1 WHERE id %% %(every)s = %(round)s %% %(every)s
