-- What autovacuum looks at for each table of this database, its TOAST table for itself
SELECT c.oid::bigint AS oid,
       n.nspname::text AS schema,
       c.relname::text AS name,
       c.relkind::text AS kind,
       c.relisshared AS shared,
       n.nspname = 'pg_catalog' OR c.reloptions @> '{{user_catalog_table=true}}' IS TRUE
           OR (n.nspname = 'pg_toast' AND coalesce(p.relnamespace = 'pg_catalog'::regnamespace, false)) AS catalog,
       c.reloptions,
       p.oid::bigint AS parent,
       c.reltuples::float8 AS reltuples,
       c.relpages AS pages,
       CASE WHEN c.relfrozenxid <> '0' THEN age(c.relfrozenxid) END AS xid_age,
       CASE WHEN c.relminmxid <> '0' THEN mxid_age(c.relminmxid) END AS multixact_age,
       coalesce(s.n_live_tup, 0) AS live_rows,
       coalesce(s.n_dead_tup, 0) AS dead_rows,
       coalesce(s.n_mod_since_analyze, 0) AS changed_rows,
       coalesce(s.autovacuum_count, 0) AS autovacuums,
       coalesce(s.autoanalyze_count, 0) AS autoanalyzes,
       coalesce(s.vacuum_count, 0) AS vacuums,
       coalesce(s.analyze_count, 0) AS analyzes,
       s.last_autovacuum,
       s.last_autoanalyze,
       s.last_vacuum,
       s.last_analyze,
       l.locked_by,
       {columns}
FROM pg_class AS c
JOIN pg_namespace AS n ON n.oid = c.relnamespace
LEFT JOIN pg_class AS p ON c.relkind = 't' AND p.reltoastrelid = c.oid
LEFT JOIN pg_stat_all_tables AS s ON s.relid = c.oid
LEFT JOIN (
    SELECT h.relation, min(h.pid) AS locked_by
    FROM pg_locks AS h
    LEFT JOIN pg_stat_activity AS a ON a.pid = h.pid
    WHERE h.locktype = 'relation' AND h.granted AND h.pid IS NOT NULL
      AND h.database IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
      -- what conflicts with VACUUM's own ShareUpdateExclusiveLock
      AND h.mode IN ('ShareUpdateExclusiveLock', 'ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock',
                     'AccessExclusiveLock')
      AND a.backend_type IS DISTINCT FROM 'autovacuum worker'
    GROUP BY h.relation
) AS l ON l.relation = c.oid
WHERE c.relkind IN ('r', 'm', 't')
  AND c.relpersistence <> 't'
ORDER BY n.nspname, c.relname
