-- Have VACUUM rest as autovacuum does by default
SET vacuum_cost_delay = '2ms'
