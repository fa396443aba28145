-- The mark of this database: no row if it was made in another one
SELECT m.size, m.users, m.posts, m.instance
FROM lab.mark AS m JOIN pg_database AS d ON d.oid = m.database_oid
WHERE d.datname = current_database();
