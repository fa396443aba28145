-- One row by its key: what somebody asks who has nothing to do with the load
SELECT title FROM posts WHERE id = 1
