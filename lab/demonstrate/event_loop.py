"""A driver that blocks, called in ``async def``: what it does to everybody else in the same process.

A canary asks a route that needs no database and no thread, one request after the other, while a crowd loads another
route: it is as quick as the event loop is free.
"""

import threading
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from http.client import HTTPConnection
from statistics import median
from urllib.parse import urlsplit

from lab.app import App
from lab.demonstrate import shared, together
from lab.demonstrate.bench import Bench
from lab.demonstrate.crowd import Crowd, crowd

PAUSE_S = 0.01  # between two requests of the canary


@dataclass(frozen=True, slots=True)
class Beside:
    """A crowd and the canary beside it."""

    route: str
    crowd: Crowd
    canary_ms: tuple[float, ...]

    @property
    def median_ms(self) -> float:
        """The canary's median."""
        return median(self.canary_ms)


def beside(
    bench: Bench, routes: Sequence[str] = ("blocking", "inside"), hold_ms: int = 50, web: App | None = None
) -> tuple[Beside, ...]:
    """Load routes that hold a connection for *hold_ms*, one after the other, with as many users as connections."""
    seconds = bench.scaled(ci=1.0, workshop=6.0)
    found = []
    with shared.application(bench, web) as asked:
        users = asked.pool.size
        for route in routes:
            bench.say(route)
            path = f"/patterns/{route}?ms={hold_ms}"
            crowd(asked.url, path, users, each=1)  # opens the connections
            found.append(_with_canary(asked.url, route, path, users, seconds=seconds))
    return tuple(found)


def exhausted(
    bench: Bench, routes: Sequence[str] = ("blocking-await", "external"), web: App | None = None
) -> tuple[Beside, ...]:
    """Ask for one connection more than the pool has, while the others hold theirs and wait for something else."""
    found = []
    with shared.application(bench, web) as asked:
        users = asked.pool.size + 1
        for route in routes:
            bench.say(f"{route}, with an exhausted pool")
            found.append(_with_canary(asked.url, route, f"/patterns/{route}?ms=300", users, each=1))
    return tuple(found)


def _with_canary(base: str, route: str, path: str, users: int, seconds: float = 0.0, each: int = 0) -> Beside:
    times_ms = list[float]()
    with together.beside(partial(_sing, base, times_ms)):
        seen = crowd(base, path, users, seconds=seconds, each=each)
    return Beside(route, seen, tuple(times_ms))


def _sing(base: str, times_ms: list[float], over: threading.Event) -> None:
    with closing(HTTPConnection(urlsplit(base).netloc, timeout=30)) as connection:
        while not times_ms or not over.is_set():
            began = time.monotonic()
            connection.request("GET", "/patterns/canary")
            connection.getresponse().read()
            times_ms.append(1000 * (time.monotonic() - began))
            time.sleep(PAUSE_S)
