-- Note in the mark which size the database now holds
UPDATE lab.mark SET size = {size}, users = {users}, posts = {posts}, made_at = now();
