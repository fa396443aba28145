"""What holds a connection for longer than it is needed: a second session, work beside the database, a leak."""

import json
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from http.client import HTTPConnection
from statistics import median
from urllib.parse import urlsplit

from lab.app import App
from lab.demonstrate import shared
from lab.demonstrate.bench import Bench, Reader
from lab.demonstrate.collapse import Point, states_of
from lab.demonstrate.crowd import Crowd, crowd
from lab.demonstrate.together import beside


def locking(bench: Bench, route: str = "two", web: App | None = None) -> tuple[Point, ...]:
    """Send waves of requests that need two connections each: one fewer than the pool has connections, then as many.

    With one fewer, somebody always finds a second one free. Source: HikariCP's formula, requests x (2 - 1) + 1.
    """
    waves = bench.scaled(ci=1, workshop=6)
    with shared.application(bench, web) as asked:
        connections = asked.pool.size
        crowd(asked.url, "/patterns/inside?ms=50", connections, each=1)  # opens the connections
        path = f"/patterns/{route}?ms=150"
        return tuple(
            Point(users, tuple(crowd(asked.url, path, users, each=1).failed for _ in range(waves)))
            for users in (connections - 1, connections)
        )


@dataclass(frozen=True, slots=True)
class Outside:
    """A crowd whose requests do something else than asking the database; medians of looks at the server."""

    route: str
    crowd: Crowd
    bound_per_s: float  # connections / hold
    idle_in_transaction: float
    active: float


def outside(
    bench: Bench,
    routes: Sequence[str] = ("external", "external-committed"),
    users: int = 12,
    ms: int = 100,
    web: App | None = None,
) -> tuple[Outside, ...]:
    """Load routes that query, and then wait *ms* for something that is no database."""
    found = []
    with shared.application(bench, web) as asked, bench.reader() as reader:
        for route in routes:
            bench.say(route)
            looks: list[tuple[int, int]] = []
            with beside(partial(_look, reader, looks)):
                seen = crowd(asked.url, f"/patterns/{route}?ms={ms}", users, seconds=bench.scaled(ci=0.8, workshop=5.0))
            idle, active = (median(column) for column in zip(*looks, strict=True))
            found.append(Outside(route, seen, 1000 * asked.pool.size / ms, idle, active))
    return tuple(found)


def _look(reader: Reader, looks: list[tuple[int, int]], over: threading.Event) -> None:
    while True:
        states = states_of(reader)
        looks.append((states.get("idle in transaction", 0), states.get("active", 0)))
        if over.wait(0.05):
            return


@dataclass(frozen=True, slots=True)
class Leak:
    """A pool whose connections were never given back, and what the next request saw."""

    connections: int
    connections_out: int
    idle_in_transaction: int
    held_longest_s: float
    next_status: int
    next_status_after: int  # once the sessions were closed


def leak(bench: Bench, path: str = "/patterns/leak", web: App | None = None) -> Leak:
    """Forget to close as many sessions as the pool has connections; then close them."""
    with shared.application(bench, web) as asked, bench.reader() as reader:
        connections = asked.pool.size
        for _ in range(connections):
            _status(asked.url, path)
        time.sleep(0.2)  # so that they have been held for a while
        gauge, states = asked.gauges()[0], states_of(reader)
        refused = _status(asked.url, "/patterns/inside?ms=0")
        _status(asked.url, "/patterns/leak", "DELETE")
        return Leak(
            connections=connections,
            connections_out=int(gauge["checked_out"]),
            idle_in_transaction=states.get("idle in transaction", 0),
            held_longest_s=round(float(gauge["meter"]["held_longest_s"]), 1),
            next_status=refused,
            next_status_after=_status(asked.url, "/patterns/inside?ms=0"),
        )


def _status(base: str, path: str, method: str = "GET") -> int:
    connection = HTTPConnection(urlsplit(base).netloc, timeout=30)
    try:
        connection.request(method, path)
        response = connection.getresponse()
        json.loads(response.read())
        return response.status
    finally:
        connection.close()
