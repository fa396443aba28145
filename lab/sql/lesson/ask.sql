-- A question of the job: each one is counted
SELECT nextval('asked')
