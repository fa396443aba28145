-- Which extensions can be made here?
SELECT name FROM pg_available_extensions WHERE name = ANY ({names});
