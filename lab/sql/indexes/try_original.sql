-- What an index is made of
SELECT regexp_replace(pg_get_indexdef(i.indexrelid), '^.*? USING ', '') AS made_of, i.indisunique AS is_unique
FROM pg_index AS i
WHERE i.indexrelid = to_regclass(%(index)s)
