-- What the server and the observer's own backend have used, as the server reads it
SELECT cpu_s, rss_bytes, own_cpu_s, own_rss_bytes
FROM lab.server_usage()
WHERE cpu_s IS NOT NULL
