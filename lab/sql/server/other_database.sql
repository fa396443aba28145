-- Another database that the observer may connect to, so that it does not count itself
SELECT datname FROM pg_database
WHERE datname <> current_database() AND datallowconn AND has_database_privilege({role}, oid, 'CONNECT')
ORDER BY datname <> 'postgres', datistemplate, datname
LIMIT 1;
