"""Where a request's time goes: waiting for the pool, connecting, executing SQL, and all of it.

This module stands alone (SQLAlchemy and the standard library): copy it into an application of your own. ::

    meter = Meter()
    engine = metered_engine("postgresql+psycopg2://...", meter, pool_size=5, max_overflow=0)
    app = ServerTimingMiddleware(FastAPI())          # outside of everything, so that errors are timed too

Every response then carries ``Server-Timing: pool;dur=0.012, connect;dur=0.000, sql;dur=1.234, app;dur=2.345`` in
milliseconds, and ``meter.snapshot()`` tells what the pool did since the process began; ``meter.read()`` also for each
route.

- *pool*: waiting for a checkout, with SQLAlchemy's own work and the pre-ping, without connecting;
- *connect*: from the start of opening a server connection until it is ready for its first statement;
- *sql*: executing statements, BEGIN among them, and COMMIT and ROLLBACK, until the response began;
- *app*: from the ASGI call to the start of the response. Digits are cut, not rounded, so the parts never exceed it.

The meter can be checked: ``hold_s + connect_s`` of a QueuePool is the integral over time of the connections that are
out, and ``occupied_s`` integrates what the pool itself says of that. Where the two differ, the meter missed something.

Limits. Statements of one request that run at the same time add up. An engine with a ``creator`` of its own does
not tell when it connects: that time counts as *pool*. SQLAlchemy has no event for "checkout wanted", which is why
the pool's public ``connect()`` is overridden; ``recreate()`` keeps the class, so metering survives
``Engine.dispose()``.

Source: W3C "Server Timing"; SQLAlchemy, "Connection Pooling" and "Core Events"; J. D. C. Little, 1961.
"""

import threading
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, MutableMapping
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

NO_ROUTE = "(no route)"  # of checkouts outside of a request, or before a route was found

_HEADER = b"pool;dur=%.3f, connect;dur=%.3f, sql;dur=%.3f, app;dur=%.3f"


class Spent:
    """What one request has spent so far, in nanoseconds; worker threads add to it while they serve the request."""

    __slots__ = ("connect_ns", "pool_ns", "scope", "sql_ns")

    def __init__(self, scope: Mapping[str, Any] | None = None) -> None:
        self.pool_ns = self.connect_ns = self.sql_ns = 0
        self.scope: Mapping[str, Any] = scope or {}

    @property
    def route(self) -> str:
        """The path of the route that serves the request, as it was declared; in a mounted app without the mount's."""
        return getattr(self.scope.get("route"), "path", None) or NO_ROUTE

    def header(self, app_ns: int) -> bytes:
        """Return the value of ``Server-Timing``, milliseconds cut to three decimals.

        >>> Spent().header(2_345_999)
        b'pool;dur=0.000, connect;dur=0.000, sql;dur=0.000, app;dur=2.345'
        """
        times_ns = (self.pool_ns, self.connect_ns, self.sql_ns, app_ns)
        return _HEADER % tuple([ns // 1000 / 1000 for ns in times_ns])


class Checkout:
    """One checkout, from the moment somebody wants a connection until that is back."""

    __slots__ = ("asked_ns", "connect_began_ns", "granted_ns", "spent", "sums")

    granted_ns: int

    def __init__(self, asked_ns: int, spent: Spent | None, sums: "_Sums") -> None:
        self.asked_ns = asked_ns
        self.connect_began_ns: int | None = None  # None until a connection has to be opened
        self.spent = spent
        self.sums = sums


class _Sums:
    """What the checkouts of one route add up to, nanoseconds; changed under the meter's lock only."""

    __slots__ = (
        "checkouts",
        "connect_ns",
        "connects",
        "failed",
        "hold_ns",
        "longest_ns",
        "route",
        "timeouts",
        "wait_ns",
    )

    def __init__(self, route: str) -> None:
        self.route = route
        self.checkouts = self.timeouts = self.failed = self.connects = 0
        self.wait_ns = self.connect_ns = self.hold_ns = self.longest_ns = 0


# AnyIO copies the context into worker threads: they see the same object, and so what they add to it is seen here
_spent: ContextVar[Spent | None] = ContextVar("spent", default=None)
_checkout: ContextVar[Checkout | None] = ContextVar("checkout", default=None)


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
        spent = Spent(scope)
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
class RouteTotals:
    """What a meter has counted for one route. Totals cover what has ended; the last three are gauges of this moment.

    A connection belongs to the route that took it, whoever gives it back.
    """

    route: str
    checkouts: int  # connections handed out
    timeouts: int  # checkouts given up after the pool's timeout
    failed: int  # checkouts that ended in any other error, such as a refused connection
    connects: int  # server connections opened
    wait_s: float  # of all checkouts, also of those that came to nothing; without connecting
    connect_s: float  # opening connections, also where it failed
    hold_s: float  # from handing out to coming back
    hold_longest_s: float  # the longest of all, those that are not back yet among them
    pending: int  # checkouts under way: waiting, or connecting
    held_now: int  # connections handed out and not back yet
    held_longest_s: float  # how long the oldest of these has been out; 0.0 if there is none


@dataclass(frozen=True, slots=True)
class MeterTotals:
    """What a meter has counted for all routes together, as of one moment; fields as in :class:`RouteTotals`.

    With what is under way added to what has ended, the sums are integrals over time of the counts: ``hold_s +
    holding_s`` of connections held, and so on. ``occupied_s`` is the integral of the pool's own count.
    """

    checkouts: int
    timeouts: int
    failed: int
    connects: int
    wait_s: float
    connect_s: float
    hold_s: float
    pending: int
    held_now: int
    held_longest_s: float
    waiting_s: float = 0.0  # of checkouts under way: their wait so far, without connecting
    connecting_s: float = 0.0  # of checkouts under way: their connecting so far
    holding_s: float = 0.0  # of connections not back yet: how long they have been out, in all
    occupied_s: float | None = None  # connections that the pool itself counts as out, times seconds; None: it does not


class Meter:
    """Counts what one pool does, for all threads of a process. *clock* gives nanoseconds."""

    def __init__(self, clock: Clock = perf_counter_ns) -> None:
        self.clock = clock
        self._lock = threading.Lock()
        self._routes: dict[str, _Sums] = {}
        self._pending: set[Checkout] = set()  # added to without the lock: that is one step of the interpreter
        self._held: dict[int, Checkout] = {}
        self._count: Callable[[], int] | None = None
        self._out = self._occupied_ns = 0

    def follow(self, count: Callable[[], int] | None) -> None:
        """Integrate over time what *count* says: how many connections are out by the pool's own account."""
        with self._lock:
            self._step(self.clock(), 0)
            self._count = count

    def ask(self) -> Checkout:
        """Note that a checkout begins, for the route of the current request."""
        spent = _spent.get()
        try:
            sums = self._routes[NO_ROUTE if spent is None else spent.scope["route"].path]
        except (AttributeError, KeyError):
            sums = self._new_route(spent)
        checkout = Checkout(self.clock(), spent, sums)
        self._pending.add(checkout)
        return checkout

    def _new_route(self, spent: Spent | None) -> _Sums:
        route = NO_ROUTE if spent is None else spent.route
        return self._routes.setdefault(route, _Sums(route))

    def connecting(self, checkout: Checkout) -> None:
        """Note that a checkout has to open a connection; only the first time counts."""
        if checkout.connect_began_ns is None:
            checkout.connect_began_ns = now = self.clock()
            with self._lock:
                if self._count is not None:
                    self._step(now, self._count())

    def grant(self, key: int, checkout: Checkout, connect_began_ns: int | None) -> None:
        """Note that a checkout was served, as *key*; *connect_began_ns* is None if nothing was opened."""
        now = checkout.granted_ns = self.clock()
        with self._lock:
            sums = self._end_wait(now, checkout, connect_began_ns)
            sums.checkouts += 1
            if connect_began_ns is not None:
                sums.connects += 1
            self._held[key] = checkout
            if self._count is not None:
                self._step(now, self._count())

    def refuse(self, checkout: Checkout, connect_began_ns: int | None, timed_out: bool) -> None:
        """Note that a checkout came to nothing."""
        now = self.clock()
        with self._lock:
            sums = self._end_wait(now, checkout, connect_began_ns)
            if timed_out:
                sums.timeouts += 1
            else:
                sums.failed += 1
            if self._count is not None:
                self._step(now, self._count())

    def _end_wait(self, now: int, checkout: Checkout, connect_began_ns: int | None) -> _Sums:
        self._pending.discard(checkout)
        sums, spent = checkout.sums, checkout.spent
        wait_ns = (now if connect_began_ns is None else connect_began_ns) - checkout.asked_ns
        sums.wait_ns += wait_ns
        if spent is not None:
            spent.pool_ns += wait_ns
        if connect_began_ns is not None:
            sums.connect_ns += now - connect_began_ns
            if spent is not None:
                spent.connect_ns += now - connect_began_ns
        return sums

    def take_back(self, key: int) -> None:
        """Note that *key* is no longer held; nothing happens if it never was."""
        now = self.clock()
        with self._lock:
            checkout = self._held.pop(key, None)
            if checkout is not None:
                hold_ns, sums = now - checkout.granted_ns, checkout.sums
                sums.hold_ns += hold_ns
                if hold_ns > sums.longest_ns:
                    sums.longest_ns = hold_ns
                self._occupied_ns += now  # one fewer: the next checkout reads the count again
                self._out -= 1

    def _step(self, now: int, out: int) -> None:
        # the integral of a step function up to the time t: -(each step x its time) + the last value x t
        self._occupied_ns += (self._out - out) * now
        self._out = out

    def snapshot(self) -> MeterTotals:
        """Return all totals and gauges as of one moment."""
        return self.read()[0]

    def read(self) -> tuple[MeterTotals, list[RouteTotals]]:
        """Return the totals of all routes together and of each, as of one moment."""
        with self._lock:
            now = self.clock()
            pending, held = self._pending.copy(), list(self._held.values())
            routes = [_route_totals(sums, pending, held, now) for sums in self._routes.copy().values()]
            occupied_ns = self._occupied_ns + self._out * now
        sums: dict[str, Any] = {name: sum(getattr(route, name) for route in routes) for name in _ADDED}
        totals = MeterTotals(
            **sums,
            held_longest_s=max((route.held_longest_s for route in routes), default=0.0),
            waiting_s=sum((now if (began := one.connect_began_ns) is None else began) - one.asked_ns for one in pending)
            / 1e9,
            connecting_s=sum(now - one.connect_began_ns for one in pending if one.connect_began_ns is not None) / 1e9,
            holding_s=sum(now - one.granted_ns for one in held) / 1e9,
            occupied_s=None if self._count is None else occupied_ns / 1e9,
        )
        return totals, routes


_ADDED = ("checkouts", "timeouts", "failed", "connects", "wait_s", "connect_s", "hold_s", "pending", "held_now")


def _route_totals(sums: _Sums, pending: Iterable[Checkout], held: Iterable[Checkout], now: int) -> RouteTotals:
    ages = [now - one.granted_ns for one in held if one.sums is sums]
    return RouteTotals(
        route=sums.route,
        checkouts=sums.checkouts,
        timeouts=sums.timeouts,
        failed=sums.failed,
        connects=sums.connects,
        wait_s=sums.wait_ns / 1e9,
        connect_s=sums.connect_ns / 1e9,
        hold_s=sums.hold_ns / 1e9,
        hold_longest_s=max([sums.longest_ns, *ages]) / 1e9,
        pending=sum(one.sums is sums for one in pending),
        held_now=len(ages),
        held_longest_s=max(ages, default=0) / 1e9,
    )


def metered(pool_class: type[Pool], meter: Meter) -> type[Pool]:
    """Return a subclass of *pool_class* whose checkouts are counted by *meter*, which is to be this pool's alone.

    Give it to ``create_engine(poolclass=...)`` and the engine to :func:`instrument`.
    """
    take, ask, grant = pool_class.connect, meter.ask, meter.grant

    class Metered(pool_class):  # type: ignore[misc, valid-type]
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            meter.follow(getattr(self, "checkedout", None))

        def connect(self) -> PoolProxiedConnection:
            checkout = ask()
            token = _checkout.set(checkout)
            try:
                connection = take(self)
            except BaseException as error:
                meter.refuse(checkout, checkout.connect_began_ns, isinstance(error, PoolTimeoutError))
                raise
            finally:
                _checkout.reset(token)
            grant(id(connection.dbapi_connection), checkout, checkout.connect_began_ns)
            return connection

    Metered.__name__ = Metered.__qualname__ = f"Metered{pool_class.__name__}"
    return Metered


def instrument(engine: Engine, meter: Meter) -> Engine:
    """Have *engine* tell *meter* when it connects and gives back, and the request how long its SQL took.

    The engine's pool class is to be one that :func:`metered` made. Returns the same engine.
    """

    def connect_begins(*_: object) -> None:
        checkout = _checkout.get()
        if checkout is not None:
            meter.connecting(checkout)

    take_back = meter.take_back

    def comes_back(connection: object, _: object) -> None:
        take_back(id(connection))

    def breaks(connection: object, *_: object) -> None:
        take_back(id(connection))

    def leaves(connection: object, _: object) -> None:
        take_back(id(connection))

    # first of all listeners: a slow one after it counts as connecting, which is what it makes slow
    event.listen(engine, "do_connect", connect_begins, insert=True)
    event.listen(engine, "checkin", comes_back)
    event.listen(engine, "invalidate", breaks)  # what checks in after it has no connection any more
    event.listen(engine, "detach", leaves)
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
    checkout = meter.ask()
    checkout.connect_began_ns = checkout.asked_ns
    try:
        connection = connect()
    except BaseException:
        meter.refuse(checkout, checkout.asked_ns, timed_out=False)
        raise
    meter.grant(id(connection), checkout, checkout.asked_ns)
    try:
        yield connection
    finally:
        connection.close()
        meter.take_back(id(connection))
