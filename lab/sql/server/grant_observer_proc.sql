-- Only the observer may ask the server for its memory and its time, and nobody may read other files through it
REVOKE ALL ON FUNCTION lab.read_proc(text), lab.backend_memory(), lab.server_usage() FROM PUBLIC;
GRANT USAGE ON SCHEMA lab TO {observer};
GRANT EXECUTE ON FUNCTION lab.backend_memory(), lab.server_usage() TO {observer};
