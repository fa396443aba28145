-- Names without a schema are the server's own
SET search_path = pg_catalog
