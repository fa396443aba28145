-- Leave the transaction prepared: it holds its locks, and belongs to no session any more
PREPARE TRANSACTION 'payment 7'
