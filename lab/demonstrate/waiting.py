"""What happens when all of a pool's connections are out: the wait, the error, and who sees it.

Source: ``sqlalchemy/pool/impl.py``, ``QueuePool._do_get``; SQLAlchemy's error page 3o7r.
"""

import http.client
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

import psycopg2
from sqlalchemy import Connection, Engine, QueuePool, event, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from lab import sql
from lab.app import App
from lab.demonstrate.bench import Bench
from lab.demonstrate.filling import backend_of
from lab.demonstrate.together import Together
from lab.errors import AppError
from lab.process import wait_until


@dataclass(frozen=True, slots=True)
class Waited:
    """A checkout from a pool whose connections were out; *error* is empty if it was served."""

    timeout_s: float
    waited_s: float
    error: str
    state: str  # of the server's one backend meanwhile, as pg_stat_activity shows it
    served_after: bool  # whether the pool served again once its connection was back

    @property
    def timeouts(self) -> float:
        """How long the checkout waited, in timeouts."""
        return self.waited_s / self.timeout_s

    @property
    def looked_idle(self) -> bool:
        """Whether the server saw a session that waits for its client, and nothing else."""
        return self.state.startswith("idle")


def waited(bench: Bench, timeout_s: float = 0.5, size: int = 1, busy: bool = False) -> Waited:
    """Take one connection of a pool of *size*, and ask for another. *busy*: the first runs a query meanwhile."""
    with (
        bench.reader() as reader,
        bench.engine(QueuePool, pool_size=size, max_overflow=0, pool_timeout=timeout_s) as engine,
    ):
        with engine.connect() as held:
            pid = backend_of(held)
            query = threading.Thread(target=_hold, args=(held, 3 * timeout_s if busy else 0.0))
            query.start()
            if not busy:
                query.join()
            began = time.monotonic()
            error = ""
            try:
                engine.connect().close()
            except PoolTimeoutError as refused:
                error = str(refused)
            waited_s = time.monotonic() - began
            state = str(reader.value("lesson/state_of", pid=pid))
            query.join()
        with engine.connect() as again:
            served = backend_of(again) > 0
    return Waited(timeout_s, waited_s, error, state, served)


def _hold(connection: Connection, seconds: float) -> None:
    connection.execute(text(sql.load("lesson/hold")), {"seconds": seconds})


def query_per_timeout(bench: Bench, timeout_s: float = 0.1, query_s: float = 0.4) -> float:
    """Run a query of *query_s* over a pool with this timeout; return how long it took, in timeouts."""
    options = {"pool_size": 1, "max_overflow": 0, "pool_timeout": timeout_s}
    with bench.engine(QueuePool, **options) as engine, engine.connect() as connection:
        backend_of(connection)  # connecting is no part of it
        began = time.monotonic()
        _hold(connection, query_s)
        return (time.monotonic() - began) / timeout_s


@dataclass(frozen=True, slots=True)
class Stranded:
    """A checkout that waited while another thread's connecting failed and left room."""

    timeout_s: float
    room_after_s: float  # when the attempt had failed, so that there was room
    served_after_s: float  # when the one that waited was served

    @property
    def timeouts(self) -> float:
        """When it was served, in timeouts."""
        return self.served_after_s / self.timeout_s


def stranded(bench: Bench, timeout_s: float = 1.0, fails_after_s: float = 0.2, fails: bool = True) -> Stranded:
    """Let one thread fail to connect, by a listener that refuses, while another waits for the same room.

    Nobody wakes the one that waits, so it is served when its own timeout has passed. Without *fails*, connecting is
    only slow, and the connection comes back.
    """
    refused = threading.Event()
    failing = threading.Event()

    def refuse(*_: object) -> None:
        if refused.is_set() or not failing.is_set():
            return
        refused.set()
        time.sleep(fails_after_s)
        if fails:
            raise psycopg2.OperationalError("refused")

    with bench.engine(QueuePool, pool_size=1, max_overflow=0, pool_timeout=timeout_s) as engine:
        engine.connect().close()
        engine.dispose()  # the dialect has learned what it asks at its first connection; the pool is empty again
        event.listen(engine, "do_connect", refuse)
        failing.set()
        thread = threading.Thread(target=_fail, args=(engine,))
        began = time.monotonic()
        thread.start()
        refused.wait(5)
        with engine.connect():
            served_s = time.monotonic() - began
        thread.join()
    return Stranded(timeout_s, fails_after_s, served_s)


def _fail(engine: Engine) -> None:
    with suppress(OperationalError):
        engine.connect().close()


@dataclass(frozen=True, slots=True)
class Request:
    """One answer of the sample app: its status, and its parts as Server-Timing gave them, ms."""

    status: int
    timing_ms: dict[str, float]

    def share(self, part: str) -> float:
        """Return a part's share of the application's time, 0.0 to 1.0."""
        return self.timing_ms[part] / self.timing_ms["app"]


@dataclass(frozen=True, slots=True)
class InApp:
    """Requests that found the app's only connection taken: for less than the pool's timeout, and for more."""

    served: Request
    refused: Request
    timeouts: int  # as the app's meter counted them


def in_app(bench: Bench, size: int = 1, timeout_s: float = 0.6) -> InApp:
    """Take one connection of the app's pool for a third of its timeout, then for three times; ask for a post beside."""
    with bench.application(f"queue:size={size},overflow=0,timeout={timeout_s:g}") as web:
        _ask(web, "/posts/1")  # opens the connection
        served, refused = _beside(web, timeout_s / 3), _beside(web, timeout_s * 3)
        return InApp(served, refused, sum(int(gauge["timeouts"]) for gauge in web.gauges()))


def _beside(web: App, hold_s: float) -> Request:
    """Ask for a post while another request holds a connection for so long."""
    other = Together([lambda: _ask(web, f"/slow?ms={1000 * hold_s:.0f}")])
    other.start()
    try:
        if not wait_until(lambda: any(gauge["checked_out"] for gauge in web.gauges()), timeout_s=5.0, every_s=0.005):
            raise AppError("the request that is to hold the connection was not seen with one within 5 s; try again")
        found = _ask(web, "/posts/1")
    finally:
        other.wait()
    other.check()
    return found


def _ask(web: App, path: str) -> Request:
    connection = http.client.HTTPConnection(urlsplit(web.url).netloc, timeout=30)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        response.read()
        parts = [part.split(";dur=") for part in (response.getheader("Server-Timing") or "").split(", ")]
        return Request(response.status, {part[0]: float(part[1]) for part in parts if len(part) == 2})
    finally:
        connection.close()
