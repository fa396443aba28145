"""What opening a connection costs: by the way in, and by how many open one at the same time.

The ways differ in transport (Unix socket, TCP, TLS) and in how the password is asked for (not at all, MD5, SCRAM). They
lead to a private server, each with a role of its own, so that the server's log can tell them apart.

Times are the client's, from the call to the open connection. CPU is what the client's thread used, and what the
postmaster and the backends it has reaped used: it includes a backend's end, which no client waits for. Since version
18 the server itself logs what it took (``log_connections=setup_durations``).
"""

import random
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import mean, median

import psutil
import psycopg2

from lab import process, sql
from lab.demonstrate.bench import Bench
from lab.server.private import MD5, NO_PASSWORD, SCRAM, Private, private

_SLOTS = "400"  # a backend that ends keeps its slot for a moment, so there are more than clients
_PREFIX = "lab %u|"
_READY = re.compile(
    r"^lab (\w+)\|.*setup total=([\d.]+) ms, fork=([\d.]+) ms, authentication=([\d.]+) ms", re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class Way:
    """One way in. *method* is what ``pg_hba.conf`` says of its role."""

    name: str
    role: str
    method: str
    kept_as: str
    unix: bool = False
    tls: bool = False

    @property
    def rule(self) -> str:
        """The line of ``pg_hba.conf``."""
        place = f"local all {self.role}" if self.unix else f"host all {self.role} 127.0.0.1/32"
        return f"{place} {self.method}"

    def dsn(self, server: Private, database: str = "postgres") -> str:
        """Return the DSN of this way into *server*."""
        return server.dsn(self.role, database, unix=self.unix, tls=self.tls)


WAYS = (
    Way("socket, no password", "by_socket", "trust", NO_PASSWORD, unix=True),
    Way("TCP, no password", "by_tcp", "trust", NO_PASSWORD),
    Way("TCP, MD5", "by_md5", "md5", MD5),
    Way("TCP, SCRAM", "by_scram", "scram-sha-256", SCRAM),
    Way("TLS, SCRAM", "by_tls", "scram-sha-256", SCRAM, tls=True),
)
SOCKET, PLAIN, PASSWORD = "socket, no password", "TCP, no password", "TCP, SCRAM"


@dataclass(frozen=True, slots=True)
class Doors:
    """A private server with a way in of each kind. *missing*: why a way is not there, by its name."""

    server: Private
    ways: tuple[Way, ...]
    missing: dict[str, str]
    say: Callable[[str], None] = field(repr=False)

    def way(self, name: str) -> Way:
        """Return the way of this name, which is not missing."""
        return next(one for one in self.ways if one.name == name)

    def dsn(self, name: str) -> str:
        """Return the DSN of a way."""
        return self.way(name).dsn(self.server)


@contextmanager
def doors(bench: Bench) -> Iterator[Doors]:
    """Lend a private server that lets in by every way; TLS is missing where the server is built without it."""
    settings = {"max_connections": _SLOTS, "log_line_prefix": _PREFIX, "max_parallel_workers_per_gather": "0"}
    bench.say("a private server is made")
    with private(
        bench.config,
        roles={way.role: way.kept_as for way in WAYS},
        hba=[way.rule for way in WAYS],
        settings=settings,
        tls=True,
    ) as server:
        if server.major >= 18:
            server.restart(log_connections="setup_durations")
        ways = tuple(way for way in WAYS if not (way.tls and server.no_tls))
        yield Doors(server, ways, {way.name: server.no_tls for way in WAYS if way not in ways}, bench.say)


@dataclass(frozen=True, slots=True)
class Setup:
    """What the server says that it took, ms: until the session was ready, and of that for the fork and the password."""

    total_ms: float
    fork_ms: float
    authentication_ms: float


@dataclass(frozen=True, slots=True)
class Opened:
    """Connections that were opened one after the other, by one way. CPU is for each; None where it cannot be read."""

    way: str
    times_ms: tuple[float, ...]
    client_cpu_ms: float
    server_cpu_ms: float | None
    setup: Setup | None  # medians; before 18 the server does not say

    @property
    def ms(self) -> float:
        """The median."""
        return median(self.times_ms)


def one_by_one(doors: Doors, rounds: int = 4, block: int = 10) -> dict[str, Opened]:
    """Open and close *rounds* * *block* connections by each way, blocks in random order within each round."""
    doors.say(f"{rounds * block} connections by each of {len(doors.ways)} ways")
    meters = {way.name: _Meter(doors.dsn(way.name), doors.server.pid) for way in doors.ways}
    for _ in range(rounds):
        for name in random.sample(list(meters), len(meters)):
            meters[name].block(block)
    said = setups(doors.server.log.read_text(encoding="utf-8", errors="replace"))
    count = rounds * block
    return {
        way.name: Opened(
            way.name,
            tuple(meters[way.name].times_ms),
            meters[way.name].client_cpu_ms / count,
            meters[way.name].server_cpu_ms / count if meters[way.name].counts else None,
            _middle(said.get(way.role, ())),
        )
        for way in doors.ways
    }


def setups(log: str) -> dict[str, list[Setup]]:
    """Read what the server logged of each role's connections.

    >>> setups("lab me|LOG:  connection ready: setup total=6.5 ms, fork=0.5 ms, authentication=3.4 ms")
    {'me': [Setup(total_ms=6.5, fork_ms=0.5, authentication_ms=3.4)]}
    """
    found: dict[str, list[Setup]] = {}
    for role, *numbers in _READY.findall(log):
        found.setdefault(role, []).append(Setup(*map(float, numbers)))
    return found


def _middle(said: Sequence[Setup]) -> Setup | None:
    if not said:
        return None
    return Setup(*(median(getattr(one, name) for one in said) for name in ("total_ms", "fork_ms", "authentication_ms")))


class _Meter:
    """Opens connections by one way, and adds up what it took."""

    def __init__(self, dsn: str, postmaster: int) -> None:
        self._dsn, self._postmaster = dsn, psutil.Process(postmaster)
        self.counts = hasattr(self._postmaster.cpu_times(), "children_user") and psutil.LINUX
        self.times_ms: list[float] = []
        self.client_cpu_ms = self.server_cpu_ms = 0.0

    def block(self, connections: int) -> None:
        idle = len(self._postmaster.children())
        before_s = self._server_s()
        for _ in range(connections):
            began, used = time.monotonic(), time.thread_time()
            connection = psycopg2.connect(self._dsn)
            self.times_ms.append(1000 * (time.monotonic() - began))
            connection.close()
            self.client_cpu_ms += 1000 * (time.thread_time() - used)
        # a backend's time is its postmaster's when it has ended
        process.wait_until(lambda: len(self._postmaster.children()) <= idle, 2.0, 0.005)
        self.server_cpu_ms += 1000 * (self._server_s() - before_s)

    def _server_s(self) -> float:
        return sum(self._postmaster.cpu_times()[:4]) if self.counts else 0.0


@dataclass(frozen=True, slots=True)
class AtOnce:
    """Connections that *clients* opened at the same time, each another as soon as it had closed one."""

    way: str
    clients: int
    took_s: float
    times_ms: tuple[float, ...]

    @property
    def ms(self) -> float:
        """The mean of what one connection took: *clients* over :attr:`per_s`, but for the ends of the time.

        In a crowd the machine serves some clients several times before others once, so a median would tell of few.
        """
        return mean(self.times_ms)

    @property
    def per_s(self) -> float:
        """Connections opened per second, by all together."""
        return len(self.times_ms) / self.took_s


def at_once(doors: Doors, way: str, clients: int, seconds: float) -> AtOnce:
    """Have so many threads open and close connections by one way for so long; what has begun is waited for.

    The driver lets go of Python's lock while it connects.

    :raises psycopg2.Error: if one is refused.
    """
    gate, dsn = threading.Barrier(clients + 1), doors.dsn(way)
    openers = [_Opener(dsn, gate, seconds) for _ in range(clients)]
    for opener in openers:
        opener.start()
    gate.wait()
    began = time.monotonic()
    for opener in openers:
        opener.join()
    took_s = time.monotonic() - began
    for opener in openers:
        if opener.error:
            raise opener.error
    return AtOnce(way, clients, took_s, tuple(ms for opener in openers for ms in opener.times_ms))


class _Opener(threading.Thread):
    def __init__(self, dsn: str, gate: threading.Barrier, seconds: float) -> None:
        super().__init__(daemon=True)
        self._dsn, self._gate, self._seconds = dsn, gate, seconds
        self.times_ms: list[float] = []
        self.error: psycopg2.Error | None = None

    def run(self) -> None:
        self._gate.wait()
        end = time.monotonic() + self._seconds
        try:
            while time.monotonic() < end:
                began = time.monotonic()
                connection = psycopg2.connect(self._dsn)
                self.times_ms.append(1000 * (time.monotonic() - began))
                connection.close()
        except psycopg2.Error as error:
            self.error = error


def sweep(doors: Doors, ways: Sequence[str], clients: Sequence[int], seconds: float) -> dict[str, list[AtOnce]]:
    """Try every way with every number of clients, in random order; return them by way, in the order of *clients*."""
    found: dict[tuple[str, int], AtOnce] = {}
    plan = [(way, count) for way in ways for count in clients]
    for way, count in random.sample(plan, len(plan)):
        doors.say(f"{count} at once, {way}")
        found[way, count] = at_once(doors, way, count, seconds)
    return {way: [found[way, count] for count in clients] for way in ways}


def query_ms(doors: Doors, way: str = PASSWORD, queries: int = 200) -> tuple[float, ...]:
    """Return what the shortest of queries takes, ms, time after time on one open connection."""
    times_ms = []
    connection = psycopg2.connect(doors.dsn(way))
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            for _ in range(queries):
                began = time.monotonic()
                cursor.execute(sql.load("lesson/nothing"))
                times_ms.append(1000 * (time.monotonic() - began))
    finally:
        connection.close()
    return tuple(times_ms)
