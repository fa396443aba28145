-- End the prepared transaction
ROLLBACK PREPARED 'payment 7'
