-- Lock the table in EXCLUSIVE mode, which is not the strongest
BEGIN;
LOCK TABLE scratch IN EXCLUSIVE MODE
