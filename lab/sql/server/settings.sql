-- The settings that differ from PostgreSQL's defaults; without paths, commands and anything that may hold a secret
-- A file may set what is the default anyway, and transaction_* is of the session that asks
SELECT name, current_setting(name) AS value
FROM pg_settings
WHERE source NOT IN ('default', 'client', 'session')
    AND setting IS DISTINCT FROM boot_val
    AND name NOT LIKE 'transaction\_%'
    AND name NOT IN ('data_directory', 'config_file', 'hba_file', 'ident_file', 'external_pid_file',
        'unix_socket_directories', 'primary_conninfo', 'port', 'application_name')
    AND name NOT LIKE '%\_command' AND name NOT LIKE 'ssl%' AND name NOT LIKE 'krb%'
ORDER BY name;
