-- How large the index is now
SELECT pg_relation_size('scene_key')
