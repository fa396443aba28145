-- Is there a table for the mark that was never written to?
SELECT NOT EXISTS (SELECT FROM lab.mark);
