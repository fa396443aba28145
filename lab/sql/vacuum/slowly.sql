-- Have VACUUM rest for a tenth of a second after each page that it reads
SET vacuum_cost_delay = '100ms';
SET vacuum_cost_limit = 1
