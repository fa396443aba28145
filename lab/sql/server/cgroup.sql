-- What limits the container that the server runs in? Null where there is no such file. Needs a superuser.
SELECT rtrim(pg_read_file('/sys/fs/cgroup/cpu.max', 0, 100, true), E' \n') AS cpu_max,
       rtrim(pg_read_file('/sys/fs/cgroup/cpu/cpu.cfs_quota_us', 0, 100, true), E' \n') AS quota_us,
       rtrim(pg_read_file('/sys/fs/cgroup/cpu/cpu.cfs_period_us', 0, 100, true), E' \n') AS period_us,
       rtrim(pg_read_file('/sys/fs/cgroup/memory.max', 0, 100, true), E' \n') AS memory_max,
       rtrim(pg_read_file('/sys/fs/cgroup/memory/memory.limit_in_bytes', 0, 100, true), E' \n') AS memory_limit
