-- Have a role log as everybody does
ALTER ROLE lab_plain RESET log_min_duration_statement
