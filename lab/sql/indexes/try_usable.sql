-- Whether the transaction that made the index may use it: not if rows were updated in place while somebody may look
SELECT NOT indcheckxmin FROM pg_index WHERE indexrelid = 'lab_what_if'::regclass
