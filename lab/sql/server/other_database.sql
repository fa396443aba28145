-- The other databases that the observer may connect to, so that it does not count itself
SELECT datname FROM pg_database
WHERE datname <> current_database() AND datallowconn AND NOT datistemplate
    AND has_database_privilege({role}, oid, 'CONNECT')
ORDER BY datname <> 'postgres', datname;
