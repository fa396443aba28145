-- Version, and the numbers of connections that the server allows and keeps back
SELECT current_setting('server_version_num')::int, current_setting('server_version'),
    current_setting('max_connections')::int, current_setting('superuser_reserved_connections')::int,
    coalesce(current_setting('reserved_connections', true), '0')::int, current_database();
