-- The table for the mark; while it has no row, the database is being made and not the lab's yet
CREATE SCHEMA lab;
CREATE TABLE lab.mark (
    database_oid oid NOT NULL,
    size text NOT NULL,
    users int NOT NULL,
    posts int NOT NULL,
    instance text NOT NULL,
    made_at timestamptz NOT NULL DEFAULT now()
);
