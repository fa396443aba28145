-- Take new statistics
BEGIN;
ANALYZE scratch
