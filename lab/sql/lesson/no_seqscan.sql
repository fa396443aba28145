-- Look things up, though the table is so small that reading all of it would do
SET enable_seqscan = off
