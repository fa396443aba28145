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
    if gauge["threads"]["total"] != THREADS:
        return False, "the application says that it has another number of threads; add threads=10"
    if sum(waves) or gauge["timeouts"]:
        return False, "requests failed, and the pool counts timeouts: threads and connections are too few together"
    if THREADS + asked.capacity <= IN_FLIGHT:
        return False, "nothing failed this time, but threads and connections together are not above the requests"
    return True, "the pool counts no timeout, with forty requests at once on ten threads"


CHECKS = {"enough_connections": enough_connections}
