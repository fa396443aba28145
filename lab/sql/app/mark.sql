-- Is this database marked as the lab's own? A copied or restored one is not
SELECT count(*) AS marks
FROM lab.mark
WHERE database_oid = (SELECT oid FROM pg_database WHERE datname = current_database())
