-- Mark the current database as the lab's own
-- The mark names the database by its oid: a copied, dumped or restored database is a different one, and not marked.
INSERT INTO lab.mark (database_oid, size, users, posts, instance)
SELECT oid, {size}, {users}, {posts}, {instance} FROM pg_database WHERE datname = current_database();
