-- The settings that differ from PostgreSQL's defaults; without paths, commands and anything that may hold a secret
SELECT name, current_setting(name) AS value
FROM pg_settings
WHERE source NOT IN ('default', 'client', 'session')
    AND name NOT IN ('data_directory', 'config_file', 'hba_file', 'ident_file', 'external_pid_file',
        'unix_socket_directories', 'primary_conninfo', 'port', 'application_name')
    AND name NOT LIKE '%\_command' AND name NOT LIKE 'ssl%' AND name NOT LIKE 'krb%'
ORDER BY name;
