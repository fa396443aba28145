-- Take that right back
REVOKE SET ON PARAMETER log_min_duration_statement FROM lab_plain
