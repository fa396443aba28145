-- A table that refers to the table
CREATE TABLE referring (scratch_id int REFERENCES scratch)
