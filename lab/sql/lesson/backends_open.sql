-- Which backends has an application, from the oldest to the youngest?
SELECT pid FROM pg_stat_activity WHERE application_name = %(application)s ORDER BY backend_start, pid
