-- A statement that is short and asked often; it is another one than the slow route's
SELECT true AS rested
FROM pg_sleep(:seconds)
