-- A statement as people write it: on several lines, with commas and quotes
SELECT 'a, "b"' AS title,
       %(number)s AS id
 WHERE true
