-- What a run's manifest says about the server
SELECT version() AS version, current_setting('server_version_num')::int AS version_num,
    current_setting('server_encoding') AS encoding, current_setting('data_checksums') AS data_checksums,
    current_setting('block_size')::int AS block_size_bytes, current_setting('max_connections')::int AS max_connections,
    current_setting('shared_buffers') AS shared_buffers, current_setting('fsync') AS fsync,
    current_setting('synchronous_commit') AS synchronous_commit, current_setting('ssl') AS ssl,
    pg_database_size(current_database()) AS database_bytes,
    extract(epoch FROM pg_postmaster_start_time())::float8 AS started_unix_s;
