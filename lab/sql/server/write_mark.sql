-- Mark the current database as the lab's own
-- The mark names the database by its oid: a copied, dumped or restored database is a different one, and not marked.
CREATE SCHEMA lab;
CREATE TABLE lab.mark (
    database_oid oid NOT NULL,
    size text NOT NULL,
    users int NOT NULL,
    posts int NOT NULL,
    instance text NOT NULL,
    made_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO lab.mark (database_oid, size, users, posts, instance)
SELECT oid, {size}, {users}, {posts}, {instance} FROM pg_database WHERE datname = current_database();
