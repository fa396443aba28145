-- End the transaction, as it should be
COMMIT
