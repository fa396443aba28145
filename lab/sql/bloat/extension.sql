-- Where pgstattuple is, and whether this role may use it
SELECT
    quote_ident(n.nspname) AS schema,
    has_schema_privilege(n.oid, 'USAGE') AND coalesce(bool_and(has_function_privilege(p.oid, 'EXECUTE')), false) AS usable
FROM pg_extension AS e
JOIN pg_namespace AS n ON n.oid = e.extnamespace
LEFT JOIN pg_proc AS p
    ON p.pronamespace = n.oid AND p.proname IN ('pgstattuple', 'pgstattuple_approx', 'pgstatindex')
    AND p.proargtypes[0] = 'regclass'::regtype
WHERE e.extname = 'pgstattuple'
GROUP BY n.oid, n.nspname
