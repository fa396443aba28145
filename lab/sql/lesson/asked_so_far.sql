-- How many questions were asked in this database?
SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM asked
