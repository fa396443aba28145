-- Empty the table at once
TRUNCATE scratch
