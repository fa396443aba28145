-- Have this session report what it has counted now: reported after VACUUM it would be taken for new changes
DO $$
BEGIN
    PERFORM pg_stat_force_next_flush();
EXCEPTION WHEN undefined_function THEN
    PERFORM pg_sleep(0.6);  -- 13 and 14 report at the end of any statement, at most twice a second
END $$
