-- Does the session have that table?
SELECT to_regclass('pg_temp.lesson_basket') IS NOT NULL AS seen
