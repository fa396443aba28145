-- A schema for one scene, which comes first from now on; what an earlier one left in it goes
DROP SCHEMA IF EXISTS {scene} CASCADE;
CREATE SCHEMA {scene};
SET search_path = {scene}, public
