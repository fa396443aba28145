-- End the prepared transaction
ROLLBACK PREPARED 'lab-horizon'
