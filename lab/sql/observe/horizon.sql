-- Who may still need old rows: sessions, prepared transactions, replication slots and standbys; the oldest first
SELECT * FROM (
    SELECT CASE WHEN a.datname IS NULL THEN 'standby' ELSE 'session' END AS kind,
           a.pid::text AS name,
           CASE WHEN a.backend_xmin IS NULL OR age(a.backend_xid) >= age(a.backend_xmin)
                THEN 'backend_xid' ELSE 'backend_xmin' END AS by,
           greatest(age(a.backend_xid), age(a.backend_xmin)) AS xid_age,
           a.datname::text AS database,
           false AS catalogs_only,
           a.pid,
           a.xact_start AS since,
           coalesce(a.state, '') AS state,
           coalesce(a.usename::text, '') AS "user",
           coalesce(a.application_name, '') AS application,
           coalesce(nullif(a.query, '<insufficient privilege>'), '') AS query
    FROM pg_stat_activity AS a
    WHERE (a.backend_xid IS NOT NULL OR a.backend_xmin IS NOT NULL)
      -- whoever belongs to no database and is no walsender does not count; null: the role may not know
      AND (a.datname IS NOT NULL OR coalesce(a.backend_type, 'walsender') = 'walsender')
      AND a.pid <> pg_backend_pid()
      -- a VACUUM's own snapshot holds nobody back
      AND NOT EXISTS (SELECT FROM pg_stat_progress_vacuum AS v WHERE v.pid = a.pid)
    UNION ALL
    SELECT 'prepared transaction', p.gid, 'transaction', age(p.transaction), p.database::text, false, NULL, p.prepared,
           '', p.owner::text, '', ''
    FROM pg_prepared_xacts AS p
    UNION ALL
    SELECT 'slot', s.slot_name::text, 'xmin', age(s.xmin), NULL, false, s.active_pid, NULL,
           CASE WHEN s.active THEN 'active' ELSE 'inactive' END, '', '', ''
    FROM pg_replication_slots AS s
    WHERE s.xmin IS NOT NULL
    UNION ALL
    SELECT 'slot', s.slot_name::text, 'catalog_xmin', age(s.catalog_xmin), NULL, true, s.active_pid, NULL,
           CASE WHEN s.active THEN 'active' ELSE 'inactive' END, '', '', ''
    FROM pg_replication_slots AS s
    WHERE s.catalog_xmin IS NOT NULL
) AS holder
ORDER BY xid_age DESC, since NULLS FIRST, name
