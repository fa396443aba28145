-- Nobody connects to the embedded server's databases unless it is said here
REVOKE ALL ON DATABASE lab, postgres, template1 FROM PUBLIC;
GRANT CONNECT, TEMPORARY ON DATABASE lab TO {app}, {observer};
GRANT CONNECT ON DATABASE postgres TO {observer};
