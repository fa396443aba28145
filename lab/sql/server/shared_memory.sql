-- How much shared memory the server took at its start, bytes
SELECT sum(allocated_size)::bigint AS bytes FROM pg_shmem_allocations
