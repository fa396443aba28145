"""What of the sample app can be said without a server."""

import asyncio
import json
import logging
import socket
import subprocess
import sys
from collections import namedtuple

import asyncpg
import psycopg2
import pytest
from psycopg2 import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import AsyncAdaptedQueuePool, NullPool, QueuePool

from lab import app as stage
from lab import sql
from lab.app import database, main
from lab.app.answers import FirstOfItsKind
from lab.app.database.dsn import asyncpg_parameters
from lab.app.database.queries import counted
from lab.errors import NotMarkedError, SettingError, UsageError
from lab.plan import ROUTES, PoolConfig
from lab.process import free_port

ROW = {"id": 1, "title": "t", "body": "b", "views": 0, "author_id": 1, "author": "a", "created_at": "2026-01-01"}


class Answering:
    """A database that answers every question in the same way: with rows, or by raising."""

    driver_errors = (psycopg2.Error,)

    def __init__(self, answer):
        self.pool, self.meter, self.answer = PoolConfig(size=2, overflow=0, timeout_s=3), database.Meter(), answer
        self.log = []

    def open(self):
        self.log.append("open")
        return self

    def run(self, name, **parameters):
        self.log.append(name)
        self.asked = parameters
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def commit(self):
        self.log.append("commit")

    def close(self):
        self.log.append("close")

    def totals(self):
        return counted(self.meter)

    def gauges(self):
        return {"size": 2, "checked_out": 0, "overflow": 0, "idle": 0}

    def dispose(self):
        self.log.append("dispose")


class AsyncAnswering(Answering):
    """The same on the event loop."""

    def __init__(self, answer):
        super().__init__(answer)
        self.pool = PoolConfig("async", size=2, overflow=0, timeout_s=3)

    async def run(self, name, **parameters):
        return super().run(name, **parameters)

    async def commit(self):
        super().commit()

    async def close(self):
        super().close()

    async def dispose(self):
        super().dispose()


Answer = namedtuple("Answer", "status_code headers text")


def talk(app, scope, first):
    """Let an ASGI app handle one scope that begins with the message *first*; return what it sent."""
    sent, inbox = [], [first, {"type": "lifespan.shutdown"}]

    async def receive():
        return inbox.pop(0)

    async def send(message):
        sent.append(message)

    asyncio.run(app(scope | {"asgi": {"version": "3.0"}, "state": {}}, receive, send))
    return sent


def get(double, path, method="GET"):
    """Send one request to the app on *double*."""
    path, _, query = path.partition("?")
    scope = {"type": "http", "method": method, "path": path, "raw_path": path.encode(), "query_string": query.encode()}
    scope |= {"headers": [], "http_version": "1.1", "scheme": "http", "server": ("lab", 80)}
    app = main.wrap(main.build(double, lambda: None))
    head, *rest = talk(app, scope, {"type": "http.request", "body": b"", "more_body": False})
    headers = {name.decode(): value.decode() for name, value in head["headers"]}
    return Answer(head["status"], headers, b"".join(part.get("body", b"") for part in rest).decode())


def schema(double=Answering):
    return main.build(double([]), lambda: None).openapi()


def test_an_async_app_has_the_same_routes_parameters_and_answers():
    paths = {path: ways for path, ways in schema()["paths"].items() if not path.startswith("/patterns/")}
    assert schema(AsyncAnswering)["paths"] == paths


def test_openapi_lists_every_route_of_the_plan_with_its_method():
    paths = schema()["paths"]
    for route in ROUTES:
        path = route.path.partition("?")[0].replace("{post}", "{post_id}")
        assert route.method.lower() in paths[path]


def test_every_route_is_described_and_tells_how_it_holds_its_session():
    operations = [operation for path in schema()["paths"].values() for operation in path.values()]
    assert all(operation["description"] and len(operation["tags"]) == 1 for operation in operations)
    ways = {operation["tags"][0].split(":")[0] for operation in operations}
    assert ways == {"with", "classic", "patterns", "without a database"}


def test_the_classic_route_is_told_by_its_path_and_tag():
    for path, operations in schema()["paths"].items():
        for operation in operations.values():
            assert path.startswith("/classic/") == operation["tags"][0].startswith("classic")


@pytest.mark.parametrize("path", ["/posts/1", "/classic/posts/1"])
@pytest.mark.parametrize("kind", [Answering, AsyncAnswering])
def test_a_session_is_closed_after_use(path, kind):
    double = kind([ROW])
    answer = get(double, path)
    assert (answer.status_code, double.log) == (200, ["open", "post", "close"])


@pytest.mark.parametrize("route", [route for route in ROUTES if route.touches_database], ids=lambda route: route.name)
def test_both_forms_of_a_route_ask_the_same_and_end_alike(route):
    path = route.path.format(post=7, user=3, word="a", page=2)
    asked = []
    for double in (Answering([]), AsyncAnswering([])):
        answer = get(double, path, route.method)
        asked.append((answer.status_code, answer.text, double.log, double.asked))
    assert asked[0] == asked[1]


def test_a_missing_row_is_404_and_a_bad_number_422():
    assert json.loads(get(Answering([]), "/posts/5").text) == {"detail": "post 5 does not exist"}
    for path in ("/posts/x", "/posts/0", "/posts/9999999999", "/posts?limit=0", "/slow?ms=10001", "/search?word=%00"):
        answer = get(Answering([]), path)
        assert (answer.status_code, "server-timing" in answer.headers) == (422, True)


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (PoolTimeoutError("QueuePool limit"), 503, "no connection within 3 s: all of the pool's 2 + 0 are in use"),
        (OperationalError("FATAL: sorry, too many clients already"), 503, "PostgreSQL takes no more connections"),
        (OperationalError("FATAL: remaining connection slots are reserved"), 503, "PostgreSQL takes no more"),
        (OperationalError("query_wait_timeout"), 503, "PgBouncer had no connection to give"),
        (OperationalError("server at 127.0.0.1 user lab_app\nterminated"), 500, "answered with OperationalError"),
        (RuntimeError("secret"), 500, "failed with RuntimeError"),
    ],
)
@pytest.mark.parametrize("kind", [Answering, AsyncAnswering])
def test_errors_are_one_line_without_secrets(error, status, words, kind):
    answer = get(kind(error), "/posts/1")
    assert answer.status_code == status
    assert words in json.loads(answer.text)["detail"]
    assert not any(secret in answer.text for secret in ("lab_app", "127.0.0.1", "secret", "\\n"))
    assert answer.headers["server-timing"].startswith("pool;dur=")


def test_what_asyncpg_raises_while_it_connects_is_answered_like_the_others():
    double = AsyncAnswering(asyncpg.TooManyConnectionsError("remaining connection slots are reserved"))
    double.driver_errors = database.create_database("postgresql://u@h/d", PoolConfig("async"), "x").driver_errors
    assert get(double, "/posts/1").status_code == 503


def test_a_pool_whose_threads_could_not_connect_does_not_call_all_its_connections_in_use():
    double = Answering(PoolTimeoutError("none"))
    double.pool = PoolConfig("psycopg_pool", size=10, timeout_s=3)
    assert "all of the pool's 2 (of at most 10) are in use" in get(double, "/posts/1").text


def test_health_asks_no_database():
    double = Answering(RuntimeError("must not be asked"))
    answer = get(double, "/health")
    assert (json.loads(answer.text)["status"], double.log) == ("ok", [])


def test_a_start_that_is_refused_says_so_in_one_line():
    def refuse():
        raise NotMarkedError("not ours")

    app = main.wrap(main.build(Answering([]), refuse))
    sent = talk(app, {"type": "lifespan"}, {"type": "lifespan.startup"})
    assert sent == [{"type": "lifespan.startup.failed", "message": "refused: not ours"}]


@pytest.mark.parametrize("kind", [Answering, AsyncAnswering])
def test_the_pool_is_disposed_when_the_app_ends(kind):
    double = kind([])
    sent = talk(main.wrap(main.build(double, lambda: None)), {"type": "lifespan"}, {"type": "lifespan.startup"})
    assert [message["type"] for message in sent] == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert double.log == ["dispose"]


def test_every_parameter_of_the_pool_reaches_queuepool():
    spec = "queue:size=2,overflow=3,timeout=1.5,recycle=60,pre_ping=true,lifo=true,reset=none"
    pool = database.create_database("postgresql://u@h/d", PoolConfig.parse(spec), "x").engine.pool
    assert isinstance(pool, QueuePool)
    assert (pool.size(), pool._max_overflow, pool.timeout(), pool._recycle) == (2, 3, 1.5, 60)
    assert (pool._pre_ping, pool._pool.use_lifo, pool._reset_on_return.name) == (True, True, "reset_none")


def test_every_parameter_reaches_the_pool_of_an_async_engine():
    for driver in ("asyncpg", "psycopg"):
        spec = f"async:size=2,overflow=3,timeout=1.5,recycle=60,pre_ping=true,lifo=true,reset=none,driver={driver}"
        engine = database.create_database("postgresql://u@h/d", PoolConfig.parse(spec), "x").engine
        pool = engine.sync_engine.pool
        assert isinstance(pool, AsyncAdaptedQueuePool)
        assert engine.driver == driver
        assert (pool.size(), pool._max_overflow, pool.timeout(), pool._recycle) == (2, 3, 1.5, 60)
        assert (pool._pre_ping, pool._pool.use_lifo, pool._reset_on_return.name) == (True, True, "reset_none")


@pytest.mark.parametrize(("spec", "least"), [("psycopg_pool:size=4", 4), ("psycopg_pool:size=4,min=1", 1)])
def test_every_parameter_reaches_psycopgs_pool_and_it_is_closed_at_first(spec, least):
    lender = database.create_database("postgresql://u@h/d", PoolConfig.parse(f"{spec},timeout=2"), "x").lender
    assert (lender.min_size, lender.max_size, lender.timeout, lender.closed) == (least, 4, 2, True)


def test_before_pgbouncer_the_app_has_no_pool_or_one_without_overflow():
    bare = database.create_database("postgresql://u@h/d", PoolConfig.parse("pgbouncer:size=5"), "x").engine.pool
    pool = database.create_database("postgresql://u@h/d", PoolConfig.parse("pgbouncer:client=3"), "x").engine.pool
    assert isinstance(bare, NullPool)
    assert (pool.size(), pool._max_overflow) == (3, 0)


def test_asyncpg_is_given_the_passfile_and_refused_what_it_does_not_know():
    assert asyncpg_parameters("postgresql://u@h/d?passfile=/p&sslmode=require")["ssl"] == "require"
    with pytest.raises(SettingError, match="asyncpg does not know sslrootcert of LAB_APP_DSN"):
        asyncpg_parameters("postgresql://u@h/d?sslrootcert=/c")


@pytest.mark.parametrize("kind", ["queue", "async"])
def test_a_cold_pool_has_no_negative_overflow(kind):
    gauges = database.create_database("postgresql://u@h/d", PoolConfig(kind), "x").gauges()
    assert gauges == {"size": 5, "checked_out": 0, "overflow": 0, "idle": 0}


def test_a_dsn_that_cannot_be_read_is_refused_without_repeating_it():
    with pytest.raises(SettingError) as caught:
        database.create_database("postgresql://u:hidden@[h/d", PoolConfig(), "x")
    assert "hidden" not in str(caught.value)


def test_all_questions_mean_the_same_to_both_drivers():
    for name in (title for title in sql.titles() if title.startswith("app/")):
        text = sql.load(name)
        assert "%" not in text
        assert "::" not in text


def test_one_worker_runs_without_a_supervisor():
    assert "--workers" not in stage.argv(8000, 1)
    assert stage.argv(8000, 3)[-2:] == ["--workers", "3"]


def test_the_environment_holds_no_setting_of_others():
    inherited = {"PATH": "/bin", "PGPASSWORD": "x", "PGHOST": "h", "LAB_DSN": "d", "LAB_SIZE": "large"}
    made = stage.environment("dsn", PoolConfig("null"), "me", inherited)
    assert made == {"PATH": "/bin", "LAB_APP_DSN": "dsn", "LAB_POOL": "null", "LAB_APP_NAME": "me"}


def test_a_taken_port_is_refused(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match=f"port {port}"):
            stage.start("postgresql://u@h/d", PoolConfig(), port=port, name="x", log=tmp_path / "log")
    assert free_port(0, "LAB_APP_PORT") > 0


def test_a_traceback_is_written_once_for_each_kind():
    filtering = FirstOfItsKind(limit=2)

    def record(error):
        info = (type(error), error, None) if error else None
        return logging.LogRecord("n", logging.ERROR, "p", 1, "m", None, info)

    errors = [ValueError("a"), ValueError("a"), ValueError("b"), None, KeyError("c")]
    assert [filtering.filter(record(error)) for error in errors] == [True, False, True, True, False]


def test_the_app_loads_none_of_the_heavy_packages():
    code = "import sys, lab.app.main; print(*{name.partition('.')[0] for name in sys.modules})"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"pandas", "numpy", "pyarrow", "scipy", "matplotlib", "locust"} & set(loaded)
