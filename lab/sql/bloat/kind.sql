-- What was named that is no table of its own: its kind, and whether it is one of the system's
SELECT c.relkind::text AS kind, n.nspname IN ('pg_catalog', 'information_schema', 'pg_toast') AS of_the_system
FROM pg_class AS c
JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.oid = ANY (%(oids)s::oid[])
