-- An index whose function waits while somebody holds the gate's lock: who builds it anew stops there
CREATE FUNCTION gate(id int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_catalog.pg_advisory_xact_lock_shared(707);
    RETURN id;
END $$;
CREATE INDEX gate ON scratch (gate(id)) WHERE id = 1
