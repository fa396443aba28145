-- The setting as the session has it
SELECT current_setting('statement_timeout')
