-- Without the index of a what-if, until the transaction goes back
DROP INDEX {index}
