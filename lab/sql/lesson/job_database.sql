-- A database for a job, in which nobody has been yet
CREATE DATABASE job
