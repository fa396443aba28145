-- A function: what the server has used so far, read by itself: the postmaster and its children, without this backend
-- The kernel adds the time of a child that has ended to its parent. A child that ends during the sum would count twice
-- or not at all, so then it is made again. One row of nulls on a system without /proc.
-- Fields of /proc/PID/stat behind the name: 2 parent, 12 to 15 user, system and the reaped children's two, 22 pages.
-- The kernel writes times in ticks of 1/100 s on every machine that PostgreSQL's packages are made for.
CREATE OR REPLACE FUNCTION lab.server_usage(
    OUT cpu_s float8, OUT rss_bytes bigint, OUT own_cpu_s float8, OUT own_rss_bytes bigint
)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    own text[] := string_to_array(substring(lab.read_proc('self/stat') FROM '.*\) (.*)'), ' ');
    page_bytes int := 1024 * coalesce(substring(lab.read_proc('self/smaps') FROM 'KernelPageSize:\s+(\d+) kB')::int, 4);
    children text;
    child text;
    fields text[];
    reaped text[];
    ticks bigint;
    pages bigint;
BEGIN
    IF own IS NULL THEN
        RETURN;
    END IF;
    FOR attempt IN 1..3 LOOP
        fields := string_to_array(substring(lab.read_proc(own[2] || '/stat') FROM '.*\) (.*)'), ' ');
        reaped := fields[14:15];
        ticks := fields[12]::bigint + fields[13]::bigint + fields[14]::bigint + fields[15]::bigint;
        pages := fields[22]::bigint;
        children := lab.read_proc(own[2] || '/task/' || own[2] || '/children');
        IF children IS NULL THEN
            children := (SELECT string_agg(name, ' ') FROM pg_ls_dir('/proc') AS name WHERE name ~ '^\d+$');
        END IF;
        FOREACH child IN ARRAY string_to_array(trim(children), ' ') LOOP
            fields := string_to_array(substring(lab.read_proc(child || '/stat') FROM '.*\) (.*)'), ' ');
            IF fields[2] = own[2] AND child::int <> pg_backend_pid() THEN
                ticks := ticks + fields[12]::bigint + fields[13]::bigint + fields[14]::bigint + fields[15]::bigint;
                pages := pages + fields[22]::bigint;
            END IF;
        END LOOP;
        fields := string_to_array(substring(lab.read_proc(own[2] || '/stat') FROM '.*\) (.*)'), ' ');
        EXIT WHEN fields[14:15] = reaped;
    END LOOP;
    cpu_s := ticks / 100.0;
    rss_bytes := pages * page_bytes;
    own_cpu_s := (own[12]::bigint + own[13]::bigint) / 100.0;
    own_rss_bytes := own[22]::bigint * page_bytes;
END $$;
