-- Wait for nobody for long, and hold nobody for long
SET LOCAL lock_timeout = '10s';
SET LOCAL statement_timeout = '60s';
SET LOCAL jit = off
