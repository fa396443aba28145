"""Exercises of 05_sessions_in_fastapi."""

from lab.demonstrate import collapse
from lab.demonstrate.crowd import crowd
from lab.errors import LabError
from lab.lesson.desk import bench
from lab.pools import PoolConfig

IN_FLIGHT = 40
THREADS = 10
MOST = 40  # a pool for every request in flight is no answer


def enough_connections(pool: object) -> tuple[bool, str]:
    """Does an application with this pool answer forty requests at once, by the documented way, with ten threads?"""
    if not isinstance(pool, str):
        return False, "there is no pool yet; write its specification in place of the dots"
    try:
        asked = PoolConfig.parse(pool)
    except LabError as error:
        return False, str(error)
    if asked.capacity is None or asked.capacity >= MOST:
        return False, "that is a connection for every request; find the smallest pool that is safe"
    with bench().application(pool) as web:
        waves = [
            crowd(web.url, f"/patterns/documented?ms={collapse.HOLD_MS}", IN_FLIGHT, each=1).failed for _ in range(3)
        ]
        gauge = web.gauges()[0]
    return judged(asked.capacity, gauge["threads"]["total"], sum(waves) + gauge["timeouts"])


def judged(connections: int, threads: int, failed: int) -> tuple[bool, str]:
    """Say what the application showed, and whether its pool is the smallest that is safe."""
    if threads != THREADS:
        return False, "the application says that it has another number of threads; add threads=10"
    if failed:
        return False, "requests failed, and the pool counts timeouts: threads and connections are too few together"
    if threads + connections <= IN_FLIGHT:
        return False, "nothing failed this time, but threads and connections together are not above the requests"
    if threads + connections > IN_FLIGHT + 1:
        return False, "the pool counts no timeout, but a smaller one is safe as well; find the smallest"
    return True, "the pool counts no timeout, with forty requests at once on ten threads, and no smaller one is safe"


CHECKS = {"enough_connections": enough_connections}
