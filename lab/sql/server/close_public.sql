-- Only the owner makes tables in schema public; the rule of version 15, for 13 and 14 too
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
