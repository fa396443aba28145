-- What the statistics views have counted of these tables
SELECT relid AS oid, {columns} FROM pg_stat_all_tables WHERE relid = ANY (%(oids)s::oid[])
