-- Nobody connects to the databases of the lab's own server unless it is said here
REVOKE ALL ON DATABASE lab, postgres, template1 FROM PUBLIC;
GRANT CONNECT, TEMPORARY ON DATABASE lab TO {app}, {observer};
GRANT CONNECT ON DATABASE postgres TO {observer};
