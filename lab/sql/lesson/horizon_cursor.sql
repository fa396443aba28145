-- Open a cursor and take one of its rows: the rest is still to come
DECLARE lesson_cursor CURSOR FOR SELECT id FROM posts;
FETCH 1 FROM lesson_cursor
