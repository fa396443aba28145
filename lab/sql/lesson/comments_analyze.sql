-- What an index was made on is counted anew, and marked as visible to all
VACUUM (ANALYZE) public.comments
