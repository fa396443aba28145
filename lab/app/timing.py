"""Where a request's time goes: waiting for the pool, connecting, executing SQL, and all of it.

This module stands alone (SQLAlchemy and the standard library): copy it into an application of your own. ::

    meter = Meter()
    engine = metered_engine("postgresql+psycopg2://...", meter, pool_size=5, max_overflow=0)
    app = ServerTimingMiddleware(FastAPI())          # outside of everything, so that errors are timed too

Every response then carries ``Server-Timing: pool;dur=0.012, connect;dur=0.000, sql;dur=1.234, app;dur=2.345`` in
milliseconds, and ``meter.snapshot()`` tells what the pool did since the process began.

- *pool*: waiting for a checkout, with SQLAlchemy's own work and the pre-ping, without connecting;
- *connect*: from the start of opening a server connection until it is ready for its first statement;
- *sql*: executing statements, BEGIN among them, and COMMIT and ROLLBACK, until the response began;
- *app*: from the ASGI call to the start of the response. Digits are cut, not rounded, so the parts never exceed it.

Limits. Statements of one request that run at the same time add up. An engine with a ``creator`` of its own does
not tell when it connects: that time counts as *pool*. SQLAlchemy has no event for "checkout wanted", which is why
the pool's public ``connect()`` is overridden; ``recreate()`` keeps the class, so metering survives
``Engine.dispose()``.

Source: W3C "Server Timing"; SQLAlchemy, "Connection Pooling" and "Core Events"; J. D. C. Little, 1961.
"""

import threading
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from time import perf_counter_ns
from typing import Any, Protocol, TypeVar

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import Pool, PoolProxiedConnection, QueuePool

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
AsgiApp = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]
Clock = Callable[[], int]
Made = TypeVar("Made", bound=type)

_HEADER = b"pool;dur=%.3f, connect;dur=%.3f, sql;dur=%.3f, app;dur=%.3f"


class Spent:
    """What one request has spent so far, in nanoseconds; worker threads add to it while they serve the request."""

    __slots__ = ("connect_ns", "pool_ns", "sql_ns")

    def __init__(self) -> None:
        self.pool_ns = self.connect_ns = self.sql_ns = 0

    def header(self, app_ns: int) -> bytes:
        """Return the value of ``Server-Timing``, milliseconds cut to three decimals.

        >>> Spent().header(2_345_999)
        b'pool;dur=0.000, connect;dur=0.000, sql;dur=0.000, app;dur=2.345'
        """
        times_ns = (self.pool_ns, self.connect_ns, self.sql_ns, app_ns)
        return _HEADER % tuple([ns // 1000 / 1000 for ns in times_ns])


class _Checkout:
    """A checkout under way; *connect_began_ns* is None until it has to open a connection."""

    __slots__ = ("connect_began_ns",)

    def __init__(self) -> None:
        self.connect_began_ns: int | None = None


# AnyIO copies the context into worker threads: they see the same object, and so what they add to it is seen here
_spent: ContextVar[Spent | None] = ContextVar("spent", default=None)
_checkout: ContextVar[_Checkout | None] = ContextVar("checkout", default=None)


class ServerTimingMiddleware:
    """Pure ASGI middleware that adds ``Server-Timing`` to every response, errors included.

    Put it around the whole application and not into its list of middleware: the response to an unhandled exception is
    made outside of that list.
    """

    def __init__(self, app: AsgiApp) -> None:
        self.app = app

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Serve one request; anything but HTTP passes through."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        spent = Spent()
        token = _spent.set(spent)
        began_ns = perf_counter_ns()

        async def send_timed(message: Message) -> None:
            if message["type"] == "http.response.start":
                value = spent.header(perf_counter_ns() - began_ns)
                message = {**message, "headers": [*message.get("headers", ()), (b"server-timing", value)]}
            await send(message)

        try:
            await self.app(scope, receive, send_timed)
        finally:
            _spent.reset(token)


@dataclass(frozen=True, slots=True)
class MeterTotals:
    """What a meter has counted. Totals cover what has ended; the last three are gauges of this moment."""

    checkouts: int  # connections handed out
    timeouts: int  # checkouts given up after the pool's timeout
    failed: int  # checkouts that ended in any other error, such as a refused connection
    connects: int  # server connections opened
    wait_s: float  # of all checkouts, also of those that came to nothing; without connecting
    connect_s: float  # opening connections, also where it failed
    hold_s: float  # from handing out to coming back
    pending: int  # checkouts under way: waiting, or connecting
    held_now: int  # connections handed out and not back yet
    held_longest_s: float  # how long the oldest of these has been out; 0.0 if there is none


class Meter:
    """Counts what a pool does, for all threads of a process. *clock* gives nanoseconds."""

    def __init__(self, clock: Clock = perf_counter_ns) -> None:
        self.clock = clock
        self._lock = threading.Lock()
        self._held: dict[int, int] = {}  # what was handed out -> when
        self._pending = self._checkouts = self._timeouts = self._failed = self._connects = 0
        self._wait_ns = self._connect_ns = self._hold_ns = 0

    def ask(self) -> int:
        """Note that a checkout begins; return the clock."""
        with self._lock:
            self._pending += 1
        return self.clock()

    def grant(self, key: int, asked_ns: int, connect_began_ns: int | None) -> None:
        """Note that a checkout was served, as *key*; *connect_began_ns* is None if nothing was opened."""
        now = self.clock()
        with self._lock:
            self._end_wait(now, asked_ns, connect_began_ns)
            self._checkouts += 1
            self._connects += connect_began_ns is not None
            self._held[key] = now

    def refuse(self, asked_ns: int, connect_began_ns: int | None, timed_out: bool) -> None:
        """Note that a checkout came to nothing."""
        now = self.clock()
        with self._lock:
            self._end_wait(now, asked_ns, connect_began_ns)
            if timed_out:
                self._timeouts += 1
            else:
                self._failed += 1

    def _end_wait(self, now: int, asked_ns: int, connect_began_ns: int | None) -> None:
        waited_until = now if connect_began_ns is None else connect_began_ns
        wait_ns, connect_ns = waited_until - asked_ns, now - waited_until
        self._pending -= 1
        self._wait_ns += wait_ns
        self._connect_ns += connect_ns
        spent = _spent.get()
        if spent is not None:
            spent.pool_ns += wait_ns
            spent.connect_ns += connect_ns

    def take_back(self, key: int) -> None:
        """Note that *key* is no longer held; nothing happens if it never was."""
        with self._lock:
            began_ns = self._held.pop(key, None)
            if began_ns is not None:
                self._hold_ns += self.clock() - began_ns

    def snapshot(self) -> MeterTotals:
        """Return all totals and gauges as of one moment."""
        with self._lock:
            oldest_ns = self.clock() - min(self._held.values()) if self._held else 0
            return MeterTotals(
                checkouts=self._checkouts,
                timeouts=self._timeouts,
                failed=self._failed,
                connects=self._connects,
                wait_s=self._wait_ns / 1e9,
                connect_s=self._connect_ns / 1e9,
                hold_s=self._hold_ns / 1e9,
                pending=self._pending,
                held_now=len(self._held),
                held_longest_s=oldest_ns / 1e9,
            )


def metered(pool_class: type[Pool], meter: Meter) -> type[Pool]:
    """Return a subclass of *pool_class* whose checkouts are counted by *meter*.

    Give it to ``create_engine(poolclass=...)`` and the engine to :func:`instrument`.
    """

    class Metered(pool_class):  # type: ignore[misc, valid-type]
        def connect(self) -> PoolProxiedConnection:
            checkout = _Checkout()
            token = _checkout.set(checkout)
            asked_ns = meter.ask()
            try:
                connection: PoolProxiedConnection = super().connect()
            except BaseException as error:
                meter.refuse(asked_ns, checkout.connect_began_ns, isinstance(error, PoolTimeoutError))
                raise
            finally:
                _checkout.reset(token)
            # the slot's info dictionary lives as long as the slot, and both ends of a checkout can reach it
            meter.grant(id(connection.info), asked_ns, checkout.connect_began_ns)
            return connection

    Metered.__name__ = Metered.__qualname__ = f"Metered{pool_class.__name__}"
    return Metered


def instrument(engine: Engine, meter: Meter) -> Engine:
    """Have *engine* tell *meter* when it connects and gives back, and the request how long its SQL took.

    The engine's pool class is to be one that :func:`metered` made. Returns the same engine.
    """

    def connect_begins(*_: object) -> None:
        checkout = _checkout.get()
        if checkout is not None and checkout.connect_began_ns is None:
            checkout.connect_began_ns = meter.clock()

    def comes_back(_: object, record: Any) -> None:
        meter.take_back(id(record.info))

    # first of all listeners: a slow one after it counts as connecting, which is what it makes slow
    event.listen(engine, "do_connect", connect_begins, insert=True)
    event.listen(engine, "checkin", comes_back)
    event.listen(engine, "detach", comes_back)
    # wrapped, since the events around a statement cost 15 us a request, and there are none after commit and rollback
    for name in ("do_execute", "do_execute_no_params", "do_executemany", "do_commit", "do_rollback"):
        setattr(engine.dialect, name, _timed(getattr(engine.dialect, name)))
    return engine


def metered_engine(url: Any, meter: Meter, **options: Any) -> Engine:
    """Return ``create_engine(url, **options)`` with its pool (default QueuePool) and its SQL metered."""
    pool_class = options.pop("poolclass", QueuePool)
    return instrument(create_engine(url, poolclass=metered(pool_class, meter), **options), meter)


def _timed(call: Callable[..., Any]) -> Callable[..., Any]:
    """Return *call* with its duration added to the request's SQL time."""

    def timed(*args: Any, **kwargs: Any) -> Any:
        spent = _spent.get()
        # while a connection is being opened, its time is counted as connecting already
        if spent is None or _checkout.get() is not None:
            return call(*args, **kwargs)
        began_ns = perf_counter_ns()
        try:
            return call(*args, **kwargs)
        finally:
            spent.sql_ns += perf_counter_ns() - began_ns

    return timed


def timed_class(base: Made, *methods: str) -> Made:
    """Return a subclass of a driver's class whose *methods* count as SQL time, for use without an engine.

    ``timed_class(psycopg2.extensions.cursor, "execute", "executemany")`` is a ``cursor_factory``, and
    ``timed_class(psycopg2.extensions.connection, "commit", "rollback")`` a ``connection_factory``.
    """
    made: Any = type(f"Timed{base.__name__}", (base,), {name: _timed(getattr(base, name)) for name in methods})
    return made  # type: ignore[no-any-return]


class Closable(Protocol):
    """Any driver's connection."""

    def close(self) -> None:
        """Close it."""


Opened = TypeVar("Opened", bound=Closable)


@contextmanager
def driver_connection(meter: Meter, connect: Callable[[], Opened]) -> Iterator[Opened]:
    """Open a connection by calling *connect*, hold it while the body runs, close it; metered, with no pool."""
    asked_ns = meter.ask()
    try:
        connection = connect()
    except BaseException:
        meter.refuse(asked_ns, asked_ns, timed_out=False)
        raise
    meter.grant(id(connection), asked_ns, asked_ns)
    try:
        yield connection
    finally:
        connection.close()
        meter.take_back(id(connection))
