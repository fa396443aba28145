-- Change one order: the row stays locked until the transaction ends
UPDATE orders SET paid = paid + 1 WHERE id = 7
