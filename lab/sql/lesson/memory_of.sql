-- What do the backends of an application take of the memory?
SELECT pid, rss_bytes, pss_bytes, private_bytes FROM lab.backend_memory() WHERE application_name = %(application)s
