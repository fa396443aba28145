-- A statement after which a server before 15 reports, if it has not for half a second
SELECT pg_backend_pid() AS reports
