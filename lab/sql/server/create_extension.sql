-- Make an extension in schema public
CREATE EXTENSION IF NOT EXISTS {extension} WITH SCHEMA public;
