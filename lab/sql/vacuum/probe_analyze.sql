-- ANALYZE: take new statistics
BEGIN;
ANALYZE scratch
