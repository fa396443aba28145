-- Read the orders: the table may not be altered until the transaction ends
SELECT sum(paid) FROM orders
