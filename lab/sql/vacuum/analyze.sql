-- Take new statistics of the table
ANALYZE scratch
