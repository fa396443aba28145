-- A function for the two beside it: the text of a file in /proc, null where it cannot be read
-- A process may end while its file is being read; that is an error of the system, and no reason to end the question.
-- Files in /proc have no size of their own, so the number of bytes is named.
CREATE OR REPLACE FUNCTION lab.read_proc(file text) RETURNS text
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN pg_read_file('/proc/' || file, 0, 8192, true);
EXCEPTION WHEN OTHERS THEN
    RETURN NULL;
END $$;
