"""How the documented session dependency stops answering, at a number of requests that can be computed.

A sync handler runs in a thread, takes a connection with its first query, and gives the thread back when it returns.
With a response model the answer is then validated in a thread again, and only after that does the dependency end and
the connection go back. So whoever has a connection needs a thread to give it back. If every thread waits for a
connection and every connection waits for a thread, nothing moves until the pool's timeout. That takes as many requests
in flight as there are threads and connections together; with one fewer it cannot happen.

Requests come in waves: all at once, each asking one time. Source: FastAPI's ``routing.py`` (``serialize_response``),
AnyIO's ``CapacityLimiter``, SQLAlchemy's ``QueuePool``.
"""

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import ceil

from lab.app import App
from lab.demonstrate import shared
from lab.demonstrate.bench import Bench, Reader
from lab.demonstrate.crowd import crowd
from lab.demonstrate.together import Together

COMBINATIONS = ((10, 10), (20, 5), (5, 20))  # threads and connections
OVER = 1.3  # times the predicted number: failures are certain to be found, whatever the order in which requests arrive
TIMEOUT_S = 1  # so that a stall fits a lesson; SQLAlchemy's default is 30
HOLD_MS = 20
APPLICATION = "lab-app-lesson"
STUCK = "lab-app-stuck"  # one of its own: other applications may be up, and their backends are not to be counted


@dataclass(frozen=True, slots=True)
class Point:
    """Waves of so many requests, and what became of them; *failed* holds one number for each wave."""

    users: int
    failed: tuple[int, ...]

    @property
    def failed_pct(self) -> float:
        """Of the worst wave."""
        return 100 * max(self.failed) / self.users


@dataclass(frozen=True, slots=True)
class Cliff:
    """One application, from few requests in flight to many. *edge* is predicted to be the first number that fails."""

    threads: int
    connections: int
    edge: int
    points: tuple[Point, ...]

    @property
    def failed_below(self) -> int:
        """Requests that failed with fewer in flight than predicted."""
        return sum(sum(point.failed) for point in self.points if point.users < self.edge)

    @property
    def failed_over(self) -> int:
        """Requests that failed with the most in flight."""
        return sum(self.points[-1].failed)


def pool(threads: int, connections: int, timeout_s: float = TIMEOUT_S) -> str:
    """Return the specification of a pool that gives up soon."""
    return f"queue:size={connections},overflow=0,timeout={timeout_s:g},threads={threads}"


def cliffs(
    bench: Bench,
    combinations: Sequence[tuple[int, int]] = COMBINATIONS,
    route: str = "documented",
    more: int = 0,
) -> tuple[Cliff, ...]:
    """Send waves around the predicted number at applications with so many threads and connections.

    *more* is added to the prediction, which makes it wrong.
    """
    edges = [threads + connections + more for threads, connections in combinations]
    with shared.applications(bench, [pool(*each) for each in combinations]) as webs:
        apps = [webs[pool(*each)] for each in combinations]
        before = []
        for (threads, connections), edge, web in zip(combinations, edges, apps, strict=True):
            bench.say(f"{threads} threads, {connections} connections")
            counts = sorted({max(2, edge + step) for step in _steps(bench)})
            before.append([_point(bench, web, route, users, below=users < edge) for users in counts])
        bench.say("more than predicted, at all of them")
        # side by side: beyond the edge there is little but waiting for timeouts
        with ThreadPoolExecutor(len(apps)) as at_once:
            last = list(at_once.map(lambda web, edge: _point(bench, web, route, ceil(OVER * edge)), apps, edges))
    return tuple(
        Cliff(threads, connections, edge, (*points, over))
        for (threads, connections), edge, points, over in zip(combinations, edges, before, last, strict=True)
    )


def _steps(bench: Bench) -> tuple[int, ...]:
    return bench.scaled(ci=(-1,), workshop=(-12, -8, -4, -2, -1, 0, 1, 2, 4))


def _point(bench: Bench, web: App, route: str, users: int, below: bool = False) -> Point:
    """Send waves: a fixed number where all are to pass, and otherwise until some have failed, or a limit."""
    most = bench.scaled(ci=3, workshop=12) if below else 12
    enough = bench.scaled(ci=1, workshop=2)
    failed: list[int] = []
    while len(failed) < most and (below or sum(1 for count in failed if count) < enough):
        failed.append(crowd(web.url, f"/patterns/{route}?ms={HOLD_MS}", users, each=1).failed)
    return Point(users, tuple(failed))


@dataclass(frozen=True, slots=True)
class Stuck:
    """An application's threads and pool, and the states of its backends, at one moment."""

    threads: int
    threads_taken: int
    waiting_for_a_thread: int
    connections: int
    connections_out: int
    idle_in_transaction: int
    active: int


def stuck(bench: Bench, threads: int = 10, connections: int = 5, route: str = "documented") -> Stuck:
    """Send a wave over the predicted number, and look at the application and the server while nothing moves."""
    path, users = f"/patterns/{route}?ms={HOLD_MS}", ceil(OVER * (threads + connections))
    with bench.application(pool(threads, connections), name=STUCK) as web, bench.reader() as reader:
        for _ in range(5):
            wave = Together([lambda: crowd(web.url, path, users, each=1)])
            wave.start()
            try:
                seen, still = _watch(web, reader, wave)
            finally:
                wave.wait()
            wave.check()
            if still:
                break
    return seen


def _watch(web: App, reader: Reader, wave: Together) -> tuple[Stuck, bool]:
    """Look until two looks, much further apart than a request takes, find the same; or until the wave is over."""
    before, seen = _look(web, reader)
    while wave.alive():
        time.sleep(10 * HOLD_MS / 1000)
        checkouts, now = _look(web, reader)
        if (checkouts, now) == (before, seen) and now.connections_out:
            return now, True
        before, seen = checkouts, now
    return seen, False


def _look(web: App, reader: Reader) -> tuple[int, Stuck]:
    gauge = web.gauges()[0]
    states = states_of(reader, STUCK)
    seen = Stuck(
        threads=gauge["threads"]["total"],
        threads_taken=gauge["threads"]["borrowed"],
        waiting_for_a_thread=gauge["threads"]["waiting"],
        connections=web.pool.size,
        connections_out=gauge["checked_out"],
        idle_in_transaction=states.get("idle in transaction", 0),
        active=states.get("active", 0),
    )
    return int(gauge["meter"]["checkouts"]), seen


def states_of(reader: Reader, application: str = APPLICATION) -> Mapping[str, int]:
    """Return how many backends are in each state, of all applications of this name."""
    return dict(reader.rows("lesson/states", application=application))


@dataclass(frozen=True, slots=True)
class Way:
    """A way of holding a session, and the pool below it."""

    name: str
    route: str
    pool: str


@dataclass(frozen=True, slots=True)
class Tried:
    """What became of the waves under one way."""

    way: Way
    point: Point


SOON_S = 0.5  # ten waves pass in this time, if they do
_BASE = pool(10, 5, SOON_S)
CURES = (
    Way("session inside the handler", "inside", _BASE),
    Way("session closed before the return", "closed", _BASE),
    Way("a Response, no response model", "response", _BASE),
    Way("max_concurrency = the pool's size", "admitted", _BASE),
    Way("a pool above users − threads", "documented", pool(10, 20, SOON_S)),
)
NO_CURES = (
    Way("as documented", "documented", _BASE),
    Way('scope="function"', "function", _BASE),
    Way("a pool as large as the threads", "documented", pool(10, 10, SOON_S)),
    Way("as few threads as connections", "documented", pool(5, 5, SOON_S)),
)
USERS = 26  # more than any of NO_CURES stands, and fewer than the larger pool does


def at_one_load(
    bench: Bench, cures: Sequence[Way] = CURES, others: Sequence[Way] | None = None, users: int = USERS
) -> tuple[tuple[Tried, ...], tuple[Tried, ...]]:
    """Send the same waves at every way; those with the same pool share an application. Returns the two groups."""
    others = NO_CURES[: bench.scaled(ci=2, workshop=len(NO_CURES))] if others is None else others
    tried: dict[Way, Tried] = {}
    with shared.applications(bench, list(dict.fromkeys(way.pool for way in (*cures, *others)))) as webs:
        for way in (*cures, *others):
            bench.say(way.name)
            tried[way] = Tried(way, _waves(bench, webs[way.pool], way.route, users))
    return tuple(tried[way] for way in cures), tuple(tried[way] for way in others)


def _waves(bench: Bench, web: App, route: str, users: int) -> Point:
    """Send waves until enough of them have failed, or all have passed."""
    most, enough = bench.scaled(ci=(2, 1), workshop=(8, 4))
    failed: list[int] = []
    while len(failed) < most and sum(1 for count in failed if count) < enough:
        failed.append(crowd(web.url, f"/patterns/{route}?ms={HOLD_MS}", users, each=1).failed)
    return Point(users, tuple(failed))
