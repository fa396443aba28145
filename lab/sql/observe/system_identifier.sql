-- Which cluster this is, also after a restart or on another port
SELECT system_identifier::text FROM pg_control_system()
