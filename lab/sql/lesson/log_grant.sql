-- Let a role set the parameter itself (since 15)
GRANT SET ON PARAMETER log_min_duration_statement TO lab_plain
