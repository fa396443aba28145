-- What the observer may do: read all statistics
GRANT pg_monitor TO {observer};
