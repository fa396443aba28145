-- Keep a trial out of the counters of tables and indexes, where it would be evidence; does it count even so?
-- A superuser may keep it out.
SELECT CASE WHEN (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)
            THEN set_config('track_counts', 'off', true)
            ELSE current_setting('track_counts') END = 'on' AS is_counted
