-- Plan for any value, as a prepared statement is in the end; wait for nobody
SELECT set_config('plan_cache_mode', 'force_generic_plan', false), set_config('lock_timeout', '200ms', false)
