-- What the server has counted of the tables of a demonstration, and how large they are
SELECT relname::text AS name, n_dead_tup::bigint AS dead, n_live_tup::bigint AS live,
       n_ins_since_vacuum::bigint AS inserted, n_mod_since_analyze::bigint AS changed,
       autovacuum_count::bigint AS vacuums, autoanalyze_count::bigint AS analyzes,
       pg_total_relation_size(relid)::bigint AS size_bytes
FROM pg_stat_user_tables
ORDER BY relname
