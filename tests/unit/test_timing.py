"""Known answers for lab.app.timing: SQLite stands for the server, a hand-moved clock for time."""

import ast
import asyncio
import re
import sqlite3
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from fastapi import FastAPI
from sqlalchemy import event, text
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import NullPool, QueuePool

from lab.app import timing
from lab.app.timing import (
    NO_ROUTE,
    Meter,
    ServerTimingMiddleware,
    driver_connection,
    metered,
    metered_engine,
    timed_class,
)


class HandClock:
    """A clock that stands still until it is told to move."""

    def __init__(self):
        self.now_ns = 0

    def __call__(self):
        return self.now_ns


def lite(meter, **options):
    """A metered engine on SQLite, whose pool is QueuePool unless it is said otherwise."""
    options.setdefault("poolclass", QueuePool)
    if options["poolclass"] is QueuePool:
        options = {"pool_size": 1, "max_overflow": 0, "pool_timeout": 0.05} | options
    return metered_engine("sqlite://", meter, connect_args={"check_same_thread": False}, **options)


def call(app, path="/", query=b""):
    """Send one request into an ASGI app; return the status and the times of Server-Timing in ms."""
    sent = []

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": path, "raw_path": path.encode(), "query_string": query}
    scope |= {"headers": [], "http_version": "1.1", "scheme": "http", "server": ("lab", 80), "asgi": {"version": "3.0"}}
    try:
        asyncio.run(app(scope, receive, send))
    except RuntimeError as error:
        assert str(error) == "on purpose"
    value = dict(sent[0]["headers"])[b"server-timing"].decode()
    return sent[0]["status"], {name: float(ms) for name, ms in re.findall(r"(\w+);dur=(\d+\.\d{3})", value)}


def api(engine):
    app = FastAPI()

    @app.get("/")
    def ask(n: int = 1) -> int:
        with engine.connect() as connection:
            for _ in range(n):
                connection.execute(text("SELECT slow()"))
            connection.commit()
        return n

    @app.get("/broken")
    def broken() -> None:
        raise RuntimeError("on purpose")

    return ServerTimingMiddleware(app)


def with_slow_sql(engine, seconds):
    @event.listens_for(engine, "connect")
    def add_function(dbapi_connection, _):
        dbapi_connection.create_function("slow", 0, lambda: time.sleep(seconds))

    return engine


@pytest.mark.parametrize(
    ("path", "query", "status"), [("/", b"", 200), ("/", b"n=x", 422), ("/no", b"", 404), ("/broken", b"", 500)]
)
def test_every_response_carries_all_four_times(path, query, status):
    app = api(with_slow_sql(lite(Meter()), 0))
    got, times = call(app, path, query)
    assert (got, list(times)) == (status, ["pool", "connect", "sql", "app"])


def test_slow_sql_shows_in_sql_and_the_parts_fit_into_app():
    _, times = call(api(with_slow_sql(lite(Meter()), 0.02)), query=b"n=2")
    assert times["sql"] >= 40
    assert times["pool"] < times["sql"]
    assert round(times["pool"] + times["connect"] + times["sql"], 3) <= times["app"]


def test_a_slow_connect_shows_in_connect_and_not_in_pool():
    engine = with_slow_sql(lite(Meter()), 0)
    event.listen(engine, "do_connect", lambda *_: time.sleep(0.05))
    _, times = call(api(engine))
    assert times["connect"] >= 50
    assert times["pool"] < times["connect"]


def test_a_full_pool_shows_in_pool():
    engine = with_slow_sql(lite(Meter(), pool_timeout=5), 0)
    held = engine.connect()
    threading.Timer(0.1, held.close).start()
    _, times = call(api(engine))
    assert times["pool"] >= 40  # the request began some time after the timer did
    assert times["connect"] == 0


def test_a_pool_timeout_is_counted_and_its_wait_too():
    meter = Meter()
    engine = lite(meter, pool_timeout=0.05)
    with engine.connect(), pytest.raises(PoolTimeoutError):
        engine.connect()
    totals = meter.snapshot()
    assert (totals.checkouts, totals.timeouts, totals.failed, totals.pending) == (1, 1, 0, 0)
    assert totals.wait_s >= 0.05


def test_a_failed_connect_is_counted_as_connecting():
    meter = Meter()
    engine = lite(meter)

    def refuse(*_):
        time.sleep(0.02)
        raise sqlite3.OperationalError("refused")

    event.listen(engine, "do_connect", refuse)
    with pytest.raises(Exception, match="refused"):
        engine.connect()
    totals = meter.snapshot()
    assert (totals.failed, totals.connects, totals.pending, totals.held_now) == (1, 0, 0, 0)
    assert totals.connect_s >= 0.02


@pytest.mark.parametrize(("pool", "connects"), [(QueuePool, 1), (NullPool, 5)])
def test_a_pool_connects_once_and_no_pool_each_time(pool, connects):
    meter = Meter()
    engine = lite(meter, poolclass=pool)
    for _ in range(5):
        with engine.connect():
            assert meter.snapshot().held_now == 1
    totals = meter.snapshot()
    assert (totals.checkouts, totals.connects, totals.held_now) == (5, connects, 0)


def test_metering_survives_dispose_and_detach():
    meter = Meter()
    engine = lite(meter)
    engine.connect().close()
    engine.dispose()
    connection = engine.connect()
    connection.detach()
    assert meter.snapshot().held_now == 0
    connection.close()
    assert (meter.snapshot().checkouts, meter.snapshot().connects) == (2, 2)


def test_an_invalidated_connection_comes_back():
    meter = Meter()
    engine = lite(meter)
    connection = engine.connect()
    connection.invalidate()
    assert meter.snapshot().held_now == 0
    connection.close()
    with engine.connect():
        pass
    assert (meter.snapshot().held_now, meter.snapshot().connects) == (0, 2)


def test_the_sum_of_times_is_the_integral_of_counts():
    """Little's law: waiters summed over time are the waits summed over waiters, and so for holders."""
    clock = HandClock()
    meter = Meter(clock)
    steps = {  # one connection, three that want it
        0: lambda: asked.append(meter.ask()),
        1: lambda: meter.grant(1, asked[0], None),
        2: lambda: asked.append(meter.ask()),
        3: lambda: asked.append(meter.ask()),
        7: lambda: (meter.take_back(1), meter.grant(2, asked[1], None)),
        9: lambda: (meter.take_back(2), meter.grant(3, asked[2], 8 * 10**9)),
        12: lambda: meter.take_back(3),
    }
    asked, waiting, holding = [], 0, 0
    for second in range(13):
        clock.now_ns = second * 10**9
        steps.get(second, lambda: None)()
        waiting += meter.snapshot().pending
        holding += meter.snapshot().held_now
    totals = meter.snapshot()
    assert (totals.wait_s + totals.connect_s, totals.hold_s) == (waiting, holding) == (12, 11)
    assert (totals.checkouts, totals.connects, totals.connect_s) == (3, 1, 1)


def test_the_totals_of_all_routes_add_up_to_the_meters():
    meter = Meter()
    engine = with_slow_sql(lite(meter), 0)
    app = api(engine)
    engine.connect().close()
    for _ in range(3):
        call(app)
    totals, routes = meter.read()
    assert {route.route: route.checkouts for route in routes} == {"/": 3, NO_ROUTE: 1}
    for name in ("checkouts", "connects", "wait_s", "connect_s", "hold_s"):
        assert sum(getattr(route, name) for route in routes) == pytest.approx(getattr(totals, name))


def test_a_route_is_named_as_it_was_declared():
    meter, app = Meter(), FastAPI()
    engine = lite(meter)

    @app.get("/posts/{key}")
    def read(key: int) -> int:
        engine.connect().close()
        return key

    for path in ("/posts/1", "/posts/2"):
        call(ServerTimingMiddleware(app), path)
    assert [(route.route, route.checkouts) for route in meter.read()[1]] == [("/posts/{key}", 2)]


def test_a_connection_belongs_to_the_route_that_took_it():
    meter = Meter(HandClock())
    for name in ("/a", "/b"):
        timing._spent.set(timing.Spent({"route": SimpleNamespace(path=name)}))
        meter.grant(hash(name), meter.ask(), None)
    meter.clock.now_ns = 3 * 10**9
    meter.take_back(hash("/a"))  # while /b is served
    a, b = meter.read()[1]
    assert (a.hold_s, a.held_now, b.hold_s, b.held_now, b.held_longest_s, b.hold_longest_s) == (3, 0, 0, 1, 3, 3)
    timing._spent.set(None)


def test_what_is_under_way_is_known():
    clock = HandClock()
    meter = Meter(clock)
    meter.grant(1, meter.ask(), None)
    meter.ask()
    connecting = meter.ask()
    clock.now_ns = 2 * 10**9
    meter.connecting(connecting)
    clock.now_ns = 5 * 10**9
    totals = meter.snapshot()
    assert (totals.holding_s, totals.waiting_s, totals.connecting_s) == (5, 5 + 2, 3)


def test_the_pools_own_count_is_integrated():
    clock = HandClock()
    meter, out = Meter(clock), 0
    meter.follow(lambda: out)
    for second, key in ((1, "a"), (3, "b")):
        clock.now_ns = second * 10**9
        out += 1
        meter.grant(hash(key), meter.ask(), None)
    clock.now_ns = 4 * 10**9
    meter.take_back(hash("a"))
    out -= 1
    clock.now_ns = 10 * 10**9
    assert meter.snapshot().occupied_s == (3 - 1) + 2 * (4 - 3) + (10 - 4)


def test_a_count_that_the_meter_missed_is_seen_at_the_next_checkout():
    clock, out = HandClock(), 3  # three that nobody told the meter of
    meter = Meter(clock)
    meter.follow(lambda: out)
    meter.grant(1, meter.ask(), None)
    clock.now_ns = 10**9
    totals = meter.snapshot()
    assert (totals.hold_s + totals.holding_s, totals.occupied_s) == (1, 3)


@pytest.mark.parametrize(("pool", "counts"), [(QueuePool, True), (NullPool, False)])
def test_only_a_pool_that_counts_is_integrated(pool, counts):
    meter = Meter()
    lite(meter, poolclass=pool).connect().close()
    assert (meter.snapshot().occupied_s is not None) == counts


def test_littles_law_holds_for_a_real_pool():
    """Five connections, twenty threads: rate x hold is what is busy, rate x wait what is queued."""
    meter = Meter()
    engine = lite(meter, pool_size=5, pool_timeout=30)
    stop = threading.Event()

    def work():
        while not stop.is_set():
            with engine.connect():
                time.sleep(0.02)
            time.sleep(0)  # or the one that gives back would take it again at once, and the others starve

    threads = [threading.Thread(target=work) for _ in range(20)]
    for thread in threads:
        thread.start()
    time.sleep(0.4)  # five have connected, fifteen wait
    before, began = meter.snapshot(), time.perf_counter()
    time.sleep(1.5)
    after, took_s = meter.snapshot(), time.perf_counter() - began
    stop.set()
    for thread in threads:
        thread.join()
    engine.dispose()
    checkouts = after.checkouts - before.checkouts

    def grown(*names):
        return sum(getattr(after, name) - getattr(before, name) for name in names)

    rate_per_s, hold_s, wait_s = checkouts / took_s, grown("hold_s", "holding_s"), grown("wait_s", "waiting_s")
    assert rate_per_s * hold_s / checkouts == pytest.approx(5, rel=0.05)
    assert rate_per_s * wait_s / checkouts == pytest.approx(15, rel=0.05)
    assert grown("occupied_s") / took_s == pytest.approx(5, rel=0.05)


def test_the_oldest_holder_is_known():
    clock = HandClock()
    meter = Meter(clock)
    for key, second in ((1, 0), (2, 4)):
        clock.now_ns = second * 10**9
        meter.grant(key, meter.ask(), None)
    clock.now_ns = 6 * 10**9
    assert meter.snapshot().held_longest_s == 6
    meter.take_back(1)
    assert meter.snapshot().held_longest_s == 2


def test_many_threads_lose_no_count():
    meter = Meter()
    engine = lite(meter, pool_size=3, pool_timeout=10)

    def work():
        for _ in range(50):
            engine.connect().close()

    threads = [threading.Thread(target=work) for _ in range(8)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sys.setswitchinterval(interval)
    totals = meter.snapshot()
    assert (totals.checkouts, totals.pending, totals.held_now, totals.timeouts) == (400, 0, 0, 0)
    engine.dispose()


def test_a_driver_connection_is_metered_and_closed():
    meter = Meter()
    factory = timed_class(sqlite3.Connection, "commit")
    with driver_connection(meter, lambda: sqlite3.connect(":memory:", factory=factory)) as connection:
        connection.commit()
        assert meter.snapshot().held_now == 1
    totals = meter.snapshot()
    assert (totals.checkouts, totals.connects, totals.wait_s, totals.held_now) == (1, 1, 0, 0)
    with pytest.raises(sqlite3.ProgrammingError):
        connection.commit()


def test_the_class_names_its_pool_and_stays_a_pool():
    assert issubclass(metered(QueuePool, Meter()), QueuePool)
    assert metered(NullPool, Meter()).__name__ == "MeteredNullPool"


def test_the_module_can_be_taken_along():
    tree = ast.parse(Path(timing.__file__).read_text(encoding="utf-8"))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    tops = {name.partition(".")[0] for name in imported}
    assert tops - set(sys.stdlib_module_names) == {"sqlalchemy"}
