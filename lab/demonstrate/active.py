"""What a slot costs, and what a client costs that uses it: shared memory, throughput, latency.

The clients are connections of this process, without an app between: each sends a statement that keeps a core busy, and
the next one as soon as it is answered. Idle ones are connected and ask nothing.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial

import psycopg2
from psycopg2.extensions import connection as Connection

from lab import sql
from lab.demonstrate.bench import NAME, Bench
from lab.demonstrate.together import together
from lab.server import data
from lab.server.private import private

ROWS = 30_000


@dataclass(frozen=True, slots=True)
class Slots:
    """The shared memory of a server with so many slots."""

    max_connections: int
    shared_bytes: int


def per_slot_bytes(found: Sequence[Slots]) -> float:
    """Return what one more slot took, from the first to the last of *found*."""
    return (found[-1].shared_bytes - found[0].shared_bytes) / (found[-1].max_connections - found[0].max_connections)


@dataclass(frozen=True, slots=True)
class Clients:
    """So many clients at work, beside so many that are idle."""

    active: int
    idle: int
    per_s: float  # statements, all clients together
    mean_ms: float


def slots(bench: Bench, counts: Sequence[int] = (100, 1000), **settings: str) -> list[Slots]:
    """Start a private server with each number of slots, and read how much shared memory it took."""
    bench.say(f"a private server with max_connections {', '.join(map(str, counts))}")
    found = []
    with private(bench.config, settings={"max_connections": str(counts[0]), **settings}) as small:
        for count in counts:
            if count != counts[0]:
                small.restart(max_connections=str(count))
            with small.owner() as connection:
                found.append(Slots(count, int(data.run(connection, "shared_memory")[0][0])))
    return found


def at_work(bench: Bench, active: int, seconds: float, idle: int = 0, rows: int = ROWS) -> Clients:
    """Let *active* clients work for *seconds* beside *idle* ones.

    :raises LabError: if a client failed.
    """
    bench.say(f"{active} clients at work beside {idle} idle ones, for {seconds:g} s")
    with _connected(bench, active + idle) as connections:
        workers = [_Client(connection, rows) for connection in connections[:active]]
        end = time.monotonic() + seconds
        began = time.monotonic()
        together([partial(worker.go, end) for worker in workers])
        took_s = time.monotonic() - began
    done = sum(worker.done for worker in workers)
    return Clients(active, idle, done / took_s, 1000 * sum(worker.spent_s for worker in workers) / max(done, 1))


class _Client:
    def __init__(self, connection: Connection, rows: int) -> None:
        self.done, self.spent_s = 0, 0.0
        self._connection, self._rows = connection, rows

    def go(self, end: float) -> None:
        with self._connection.cursor() as cursor:
            while (began := time.monotonic()) < end:
                cursor.execute(sql.load("lesson/burn"), {"rows": self._rows})
                cursor.fetchone()
                self.done += 1
                self.spent_s += time.monotonic() - began


@contextmanager
def _connected(bench: Bench, count: int) -> Iterator[list[Connection]]:
    with ExitStack() as stack:
        connections = []
        for _ in range(count):
            connection = psycopg2.connect(bench.where.app_dsn, application_name=NAME)
            stack.callback(connection.close)
            connection.autocommit = True
            connections.append(connection)
        yield connections
