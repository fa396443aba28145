"""An external pooler: how many backends are behind it, who waits in it, and what of a session survives in it.

Counts, no times. Each function but the first starts a PgBouncer of its own and ends it.
"""

import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
import psycopg2

from lab import sql
from lab.demonstrate.bench import NAME, Bench
from lab.demonstrate.crowd import crowd
from lab.plan import PoolConfig
from lab.process import wait_until
from lab.server.pgbouncer import Pooler

_EVERY_S = 0.02
_CROWDS = 4


@dataclass(frozen=True, slots=True)
class Backends:
    """What a crowd needed of the server: *most* backends at once, seen fifty times a second."""

    workers: int
    most: int
    done: int
    failed: int


def backends(bench: Bench, spec: str, workers: int, users: int = 24, each: int = 5) -> Backends:
    """Have *users* ask the app under *spec* at once, each *each* times, and count the backends of the app meanwhile.

    Each request holds a connection for a twentieth of a second, so every pool that is asked is filled. With several
    workers the crowd comes again, a few times, until more backends are seen than one worker's pool has: the kernel
    deals connections out to the workers as it likes, now and then nearly all to one.
    """
    application, one_pool = "lab-app-pooler", PoolConfig.parse(spec).size
    statuses: Counter[str] = Counter()
    seen, over = [0], threading.Event()

    def look() -> None:
        with bench.reader() as reader:
            while not over.is_set():
                seen.append(int(reader.value("observe/backends_of", application=application)))
                time.sleep(_EVERY_S)

    with bench.application(spec, workers, application) as web:
        looking = threading.Thread(target=look)
        looking.start()
        try:
            for _ in range(_CROWDS):
                found = crowd(web.url, "/patterns/inside?ms=50", users, each=each)
                statuses += Counter(done=found.done, failed=found.failed)
                if workers == 1 or max(seen) > one_pool:
                    break
        finally:
            over.set()
            looking.join()
    return Backends(workers, max(seen), statuses["done"], statuses["failed"])


@dataclass(frozen=True, slots=True)
class Growth:
    """How the backends of one variant grew with the workers of the app."""

    spec: str
    seen: tuple[Backends, ...]  # one for each number of workers, in this order

    @property
    def most(self) -> list[int]:
        """The most backends at once, by number of workers."""
        return [one.most for one in self.seen]

    @property
    def failed(self) -> int:
        """Requests that failed, of all."""
        return sum(one.failed for one in self.seen)


def growth(bench: Bench, spec: str, workers: Sequence[int] = (1, 2)) -> Growth:
    """Count the backends of *spec* with each number of workers; see :func:`backends`."""
    return Growth(spec, tuple(backends(bench, spec, number) for number in workers))


@dataclass(frozen=True, slots=True)
class Queue:
    """What PgBouncer said while all its connections were in use: one row of SHOW POOLS, and of SHOW STATS after."""

    active: int  # clients that have a connection to the server
    waiting: int  # clients that wait for one
    server_active: int  # connections to the server that are in use
    maxwait_s: float  # how long the first of those who wait has been waiting
    served: int  # transactions, when all were done
    waited_s: float  # by all clients together, when all were done


def queue(bench: Bench, size: int = 2, clients: int = 6, hold_s: float = 0.6) -> Queue:
    """Let *size* clients hold every connection of a PgBouncer in open transactions while others want one, and look."""
    with bench.pooler(PoolConfig("pgbouncer", size=size)) as pooler, ExitStack() as stack:
        holders = [stack.enter_context(_client(pooler)) for _ in range(min(size, clients))]
        for holder in holders:
            _run(holder, "lesson/backend_pid")
        others = [stack.enter_context(_client(pooler)) for _ in range(clients - len(holders))]
        threads = [threading.Thread(target=_once, args=(other,)) for other in others]
        for thread in threads:
            thread.start()
        wait_until(lambda: int(_row(pooler, "POOLS")["cl_waiting"]) == len(others), 5.0)
        time.sleep(hold_s)
        row = _row(pooler, "POOLS")
        for holder in holders:
            holder.commit()
        for thread in threads:
            thread.join()
        wait_until(lambda: int(_row(pooler, "STATS")["total_xact_count"]) >= clients, 2.0)
        stats = _row(pooler, "STATS")
    return Queue(
        active=int(row["cl_active"]),
        waiting=int(row["cl_waiting"]),
        server_active=int(row["sv_active"]),
        maxwait_s=int(row["maxwait"]) + int(row["maxwait_us"]) / 1e6,
        served=int(stats["total_xact_count"]),
        waited_s=int(stats["total_wait_time"]) / 1e6,
    )


@dataclass(frozen=True, slots=True)
class Leaks:
    """What the next client found of the one before, which had left: each 1 if it was there, 0 if not."""

    backends: int  # how many backends the two had between them
    setting: int
    lock: int
    table: int

    @property
    def found(self) -> int:
        """How many of the three were there."""
        return self.setting + self.lock + self.table


def leaks(bench: Bench, mode: str = "transaction") -> Leaks:
    """Have a client change a setting, take a lock and make a table, all of its session; look with the next client."""
    with bench.pooler(PoolConfig("pgbouncer", size=1, mode=mode)) as pooler:
        with _client(pooler) as first:
            before, pids = _run(first, "lesson/setting"), {_run(first, "lesson/backend_pid")}
            for name in ("change_setting", "session_lock", "session_table"):
                _run(first, f"lesson/{name}")
            first.commit()
        with _client(pooler) as second:
            pids.add(_run(second, "lesson/backend_pid"))
            return Leaks(
                backends=len(pids),
                setting=int(_run(second, "lesson/setting") != before),
                lock=int(_run(second, "lesson/session_locks")),
                table=int(_run(second, "lesson/session_table_seen")),
            )


@dataclass(frozen=True, slots=True)
class Prepared:
    """What became of statements that a driver prepared by name, for two clients in turn on one server connection."""

    version: str
    promised: bool  # whether this version says that it follows such statements
    done: int
    failed: int
    reason: str = ""  # the server's first message
    named: int = 0  # names under which the server took a statement: the driver keeps a name only then
    backends: int = 0  # how many backends the two had between them

    @property
    def as_promised(self) -> bool:
        """Whether statements with names were made, and worked if and only if the version says so."""
        return self.named > 0 and self.promised == (self.failed == 0)


def prepared(bench: Bench, mode: str = "transaction", threshold: int | None = 0, turns: int = 3) -> Prepared:
    """Have two clients of psycopg 3 run a statement each, in turns; *threshold* 0 prepares at once, None never."""
    reasons, done, named = [], 0, set[tuple[int, bytes]]()
    names = ("lesson/backend_pid", "lesson/setting")  # the driver gives the first statement of each client one name
    # each a connection of its own in session mode, where a client keeps its connection
    size = 1 if mode == "transaction" else len(names)
    with bench.pooler(PoolConfig("pgbouncer", size=size, mode=mode)) as pooler, ExitStack() as stack:
        clients = [
            stack.enter_context(
                closing(psycopg.connect(pooler.dsn, application_name=NAME, prepare_threshold=threshold))
            )
            for _ in names
        ]
        for _ in range(turns):
            for number, (client, name) in enumerate(zip(clients, names, strict=True)):
                try:
                    client.execute(sql.load(name).encode())
                    named.update((number, known) for known in client._prepared._names.values())
                    client.commit()  # a rollback would have the driver forget what it prepared
                    done += 1
                except psycopg.Error as error:
                    reasons.append(str(error).splitlines()[0])
                    client.rollback()
        behind = {_pid(client) for client in clients}
        program = pooler.program
    reason = reasons[0] if reasons else ""
    return Prepared(program.text, program.follows_prepared, done, len(reasons), reason, len(named), len(behind))


def _pid(client: "psycopg.Connection[Any]") -> int:
    """Return the pid of the backend that serves a client, asked without a name."""
    row = client.execute(sql.load("lesson/backend_pid").encode(), prepare=False).fetchone()
    client.commit()
    return int(row[0]) if row else 0


@contextmanager
def _client(pooler: Pooler) -> Iterator[Any]:
    with closing(psycopg2.connect(pooler.dsn, application_name=NAME)) as connection:
        yield connection


def _run(connection: Any, name: str) -> Any:
    """Run one question in the client's transaction; return the first value, None if there is no row."""
    with connection.cursor() as cursor:
        cursor.execute(sql.load(name))
        row = cursor.fetchone() if cursor.description else None
    return row[0] if row else None


def _once(connection: Any) -> None:
    _run(connection, "lesson/backend_pid")
    connection.commit()


def _row(pooler: Pooler, what: str) -> dict[str, Any]:
    """Return the row of the lab's own pool; all 0 before its first client."""
    rows = [row for row in pooler.show(what) if row["database"] != "pgbouncer"]
    return rows[0] if rows else dict.fromkeys(("cl_waiting", "total_xact_count"), 0)
