-- Are statistics kept in files, as up to version 14, where a reader may be shown one that is half a second old?
SELECT count(*) = 0 FROM pg_proc WHERE proname = 'pg_stat_force_next_flush'
