-- A function: the memory of each client backend, read by the server itself; no rows on a system without /proc
-- Its owner, a superuser, reads the files; whoever may call it gets these numbers and no other file.
CREATE OR REPLACE FUNCTION lab.backend_memory(
    OUT pid int, OUT application_name text, OUT backend_type text, OUT state text,
    OUT rss_bytes bigint, OUT pss_bytes bigint, OUT private_bytes bigint, OUT shared_bytes bigint
) RETURNS SETOF record
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    backend record;
    rollup text;
BEGIN
    FOR backend IN SELECT * FROM pg_stat_activity AS a WHERE a.backend_type = 'client backend' LOOP
        rollup := lab.read_proc(backend.pid || '/smaps_rollup');
        CONTINUE WHEN rollup IS NULL OR rollup !~ '\nRss:';
        pid := backend.pid;
        application_name := backend.application_name;
        backend_type := backend.backend_type;
        state := backend.state;
        rss_bytes := 1024 * substring(rollup FROM '\nRss:\s+(\d+) kB')::bigint;
        pss_bytes := 1024 * substring(rollup FROM '\nPss:\s+(\d+) kB')::bigint;
        private_bytes := 1024 * (substring(rollup FROM '\nPrivate_Clean:\s+(\d+) kB')::bigint
            + substring(rollup FROM '\nPrivate_Dirty:\s+(\d+) kB')::bigint);
        shared_bytes := 1024 * substring(rollup FROM '\nPss_Shmem:\s+(\d+) kB')::bigint;
        RETURN NEXT;
    END LOOP;
END $$;
