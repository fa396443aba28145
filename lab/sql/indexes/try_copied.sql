-- The copy's indexes, and what each is made of
SELECT c.conname::text AS constraint, 'lab.' || quote_ident(x.relname) AS index, i.indisunique AS is_unique,
       regexp_replace(pg_get_indexdef(i.indexrelid), '^.*? USING ', '') AS made_of
FROM pg_index AS i
JOIN pg_class AS x ON x.oid = i.indexrelid
LEFT JOIN pg_constraint AS c ON c.conindid = i.indexrelid
WHERE i.indrelid = 'lab.what_if'::regclass
