-- The settings that decide when autovacuum runs; those that this server does not know are missing
SELECT name, setting
FROM pg_settings
WHERE name LIKE 'autovacuum%' OR name = 'track_counts'
