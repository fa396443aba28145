-- A counter of the job's questions that no rollback turns back
CREATE SEQUENCE asked; GRANT USAGE ON SEQUENCE asked TO PUBLIC
