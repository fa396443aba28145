-- Plan for any value, as a prepared statement is in the end; wait for nobody, and look into no index meanwhile
-- To weigh a merge join the planner looks up the ends of its indexes, and that would count as scans of them.
SELECT set_config('plan_cache_mode', 'force_generic_plan', false), set_config('lock_timeout', '200ms', false),
       set_config('enable_mergejoin', 'off', false), set_config('max_parallel_workers_per_gather', '0', false)
