-- How many relations, functions and types, outside of extensions, does this database hold that are not PostgreSQL's own?
SELECT count(*), min(n.nspname || '.' || o.name)
FROM (
    SELECT 'pg_class'::regclass AS kind, oid, relname AS name, relnamespace AS space FROM pg_class
    UNION ALL
    SELECT 'pg_proc'::regclass, oid, proname, pronamespace FROM pg_proc
    UNION ALL
    SELECT 'pg_type'::regclass, oid, typname, typnamespace FROM pg_type WHERE typrelid = 0 AND typelem = 0
) AS o JOIN pg_namespace AS n ON n.oid = o.space
WHERE n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\_toast%'
    AND n.nspname NOT LIKE 'pg\_temp\_%'
    AND NOT EXISTS (
        SELECT FROM pg_depend AS d WHERE d.classid = o.kind AND d.objid = o.oid AND d.deptype = 'e'
    );
