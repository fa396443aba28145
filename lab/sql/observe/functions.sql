-- Which of the lab's functions that read /proc may the observer call here? A superuser must have made them
SELECT p.proname::text
FROM pg_proc AS p
JOIN pg_namespace AS n ON n.oid = p.pronamespace
JOIN pg_roles AS r ON r.oid = p.proowner AND r.rolsuper
WHERE n.nspname = 'lab' AND p.proname IN ('backend_memory', 'server_usage') AND p.pronargs = 0
  AND has_schema_privilege(n.oid, 'USAGE') AND has_function_privilege(p.oid, 'EXECUTE')
