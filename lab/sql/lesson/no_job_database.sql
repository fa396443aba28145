-- Away with a job's database
DROP DATABASE IF EXISTS job
