-- Leave a transaction prepared: it belongs to no session any more
PREPARE TRANSACTION 'lab-horizon'
