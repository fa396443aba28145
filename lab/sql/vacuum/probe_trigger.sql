-- CREATE TRIGGER: make a trigger
BEGIN;
CREATE TRIGGER same BEFORE UPDATE ON scratch FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()
