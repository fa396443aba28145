-- Let the observer in when the ordinary connections are used up (16 and later)
GRANT pg_use_reserved_connections TO {observer};
