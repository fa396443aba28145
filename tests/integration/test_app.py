"""The sample app as it runs in an experiment: a process of its own, on a real server."""

import json
import os
import signal
import threading
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

import psutil
import psycopg2
import pytest
from psycopg2.extensions import make_dsn, parse_dsn

from lab import app as stage
from lab.app.database import check_mark, create_database, session_of
from lab.errors import AppError, NotMarkedError
from lab.plan import ROUTES, PoolConfig
from lab.process import wait_until


@contextmanager
def running(server, tmp_path, spec, workers=1, name="lab-app-test"):
    pool = PoolConfig.parse(spec, workers)
    app = stage.start(server.app_dsn, pool, port=0, name=name, log=Path(tmp_path) / "app.log")
    try:
        yield app
    finally:
        app.stop()


@pytest.fixture(scope="module")
def pooled(server, tmp_path_factory):
    """An app with the default pool, for the tests that don't mind who asked before."""
    with running(server, tmp_path_factory.mktemp("pooled"), "queue") as app:
        yield app


@pytest.fixture(scope="module")
def on_the_loop(server, tmp_path_factory):
    """The same with the default pool of an async engine."""
    with running(server, tmp_path_factory.mktemp("loop"), "async") as app:
        yield app


def ask(app, path, method="GET"):
    connection = HTTPConnection("127.0.0.1", app.port, timeout=30)
    connection.request(method, path)
    answer = connection.getresponse()
    body = json.loads(answer.read())
    connection.close()
    return answer.status, body, answer.headers["Server-Timing"]


def timed(header):
    return {name: float(ms) for name, ms in (part.split(";dur=") for part in header.split(", "))}


def counted(server, statement):
    with psycopg2.connect(server.owner_dsn) as connection, connection.cursor() as cursor:
        cursor.execute(statement)
        value = cursor.fetchone()[0]
    connection.close()
    return value


def backends(server, name):
    return counted(server, f"SELECT count(*) FROM pg_stat_activity WHERE application_name = '{name}'")


def elsewhere(server):
    return make_dsn(**parse_dsn(server.owner_dsn) | {"dbname": "postgres"})


LIMITED = [
    "queue:size=1,overflow=0",
    "async:size=1,overflow=0",
    "async:size=1,overflow=0,driver=psycopg",
    "psycopg_pool:size=1",
]
KINDS = ["queue:size=2,overflow=0", "null", "connect", "async", "async:driver=psycopg", "psycopg_pool"]


@pytest.mark.parametrize("spec", KINDS)
def test_every_route_of_the_plan_answers(server, tmp_path, spec):
    with running(server, tmp_path, spec) as app:
        for route in ROUTES:
            status, body, header = ask(app, route.path.format(post=7, user=3, word="a", page=0), route.method)
            times = timed(header)
            assert status == 500 if route.name == "error" else status < 400, (route, status, body)
            assert list(times) == ["pool", "connect", "sql", "app"]
            assert round(times["pool"] + times["connect"] + times["sql"], 3) <= times["app"]
            assert (times["sql"] > 0) == route.touches_database


@pytest.mark.parametrize("kind", ["pooled", "on_the_loop"])
def test_what_is_written_can_be_read(kind, request):
    pooled = request.getfixturevalue(kind)
    _, made, _ = ask(pooled, "/posts?author=1&title=Fresh+paint", "POST")
    _, bumped, _ = ask(pooled, f"/posts/{made['id']}/bump", "POST")
    for path in (f"/posts/{made['id']}", f"/classic/posts/{made['id']}"):
        _, post, _ = ask(pooled, path)
        assert (post["title"], post["views"], post["author_id"]) == ("Fresh paint", 1, 1)
    assert bumped["views"] == 1
    assert ask(pooled, "/posts?limit=1")[1][0]["id"] == made["id"]
    assert ask(pooled, "/search?word=Fresh+paint")[1]["found"] >= 1
    ask(pooled, "/sessions?user=2", "POST")
    assert ask(pooled, "/sessions/oldest?user=2", "DELETE")[1] == {"deleted": 1}


@pytest.mark.parametrize("kind", ["pooled", "on_the_loop"])
def test_a_missing_row_is_404_and_a_missing_session_is_not(kind, request):
    pooled = request.getfixturevalue(kind)
    for path, method in (
        ("/posts/2000000000", "GET"),
        ("/posts/2000000000/bump", "POST"),
        ("/posts?author=2000000000&title=x", "POST"),
        ("/sessions?user=2000000000", "POST"),
    ):
        assert ask(pooled, path, method)[0] == 404
    assert ask(pooled, "/sessions/oldest?user=2000000000", "DELETE")[:2] == (200, {"deleted": 0})


@pytest.mark.parametrize("spec", ["queue", "async", "async:driver=psycopg"])
def test_the_first_request_sees_a_cold_pool(server, tmp_path, spec):
    with running(server, tmp_path, spec) as app:
        assert app.gauges()[0]["meter"]["connects"] == 0
        first, second = (timed(ask(app, "/posts/1")[2]) for _ in range(2))
        assert first["connect"] > 0
        assert second["connect"] == 0


def test_a_connection_of_psycopgs_pool_does_not_grow_with_its_checkouts(server):
    made = create_database(server.app_dsn, PoolConfig.parse("psycopg_pool:size=1"), "lab-app-grow")
    for _ in range(5):
        with session_of(made) as db:
            db.run("error")
    with made.lender.connection() as connection:
        assert len(connection._notice_handlers) == 1
    assert made.totals()["connects"] == 1
    made.dispose()


def test_psycopgs_pool_connects_by_itself_and_requests_only_wait(server, tmp_path):
    with running(server, tmp_path, "psycopg_pool:size=3", name="lab-app-lent") as app:
        assert app.gauges()[0]["meter"]["connects"] == 0
        first = timed(ask(app, "/posts/1")[2])
        assert first["connect"] == 0 < first["pool"]
        # three at once, whatever is asked for
        assert wait_until(lambda: app.gauges()[0]["meter"]["connects"] == 3, 5)
        assert wait_until(lambda: backends(server, "lab-app-lent") == 3, 5)


@pytest.mark.parametrize("spec", KINDS)
def test_sleep_in_the_server_shows_in_sql(server, tmp_path, spec):
    with running(server, tmp_path, spec) as app:
        ask(app, "/posts/1")
        times = timed(ask(app, "/slow?ms=300")[2])
        assert times["sql"] >= 300 > times["pool"] + times["connect"]


@pytest.mark.parametrize("spec", LIMITED)
def test_a_wait_for_the_one_connection_shows_in_pool_and_the_hold_in_the_meter(server, tmp_path, spec):
    with running(server, tmp_path, spec) as app:
        slow = threading.Thread(target=ask, args=(app, "/slow?ms=800"))
        slow.start()
        assert wait_until(lambda: app.gauges()[0]["checked_out"] == 1, 5)
        waiting = timed(ask(app, "/posts/1")[2])
        slow.join()
        assert app.gauges()[0]["meter"]["hold_s"] >= 0.8
        alone = timed(ask(app, "/posts/1")[2])
    assert waiting["pool"] > 5 * alone["pool"]
    assert waiting["connect"] == alone["connect"] == 0


@pytest.mark.parametrize("spec", LIMITED)
def test_a_pool_is_never_larger_than_its_size(server, tmp_path, spec):
    spec = spec.replace("size=1", "size=3")
    with running(server, tmp_path, spec, name="lab-app-most") as app:
        done, most = threading.Thread(target=_at_once, args=(app, "/slow?ms=100", 24)), 0
        done.start()
        while done.is_alive():
            most = max(most, backends(server, "lab-app-most"))
        done.join()
        assert app.gauges()[0]["meter"]["connects"] == 3
    assert most == 3


@pytest.mark.parametrize(
    ("spec", "per_request"), [("null", 1), ("connect", 1), ("queue", 0), ("async", 0), ("psycopg_pool:size=1", 0)]
)
def test_the_server_counts_the_sessions_that_the_meter_counts(server, tmp_path, spec, per_request):
    name, question = "lab-app-count", "SELECT sessions FROM pg_stat_database WHERE datname = 'lab'"
    with running(server, tmp_path, spec, name=name) as app:
        # the server counts a session when its backend reports: give the app's own check the time for that
        before = _settled(server, question, name)
        for _ in range(10):
            ask(app, "/posts/1")
        connects = app.gauges()[0]["meter"]["connects"]
    assert connects == (10 if per_request else 1)
    # each look from here on is a session itself
    looks, seen = 1, counted(server, question)
    while seen - before < connects and looks < 100:
        looks, seen = looks + 1, counted(server, question)
    assert connects <= seen - before <= connects + looks


def _settled(server, question, name):
    assert wait_until(lambda: backends(server, f"{name}-check") == 0, 5)
    return counted(server, question)


@pytest.mark.parametrize("spec", LIMITED)
def test_an_exhausted_pool_answers_503_and_counts_the_timeout(server, tmp_path, spec):
    with running(server, tmp_path, f"{spec},timeout=0.3") as app:
        slow = threading.Thread(target=ask, args=(app, "/slow?ms=1500"))
        slow.start()
        assert wait_until(lambda: app.gauges()[0]["checked_out"] == 1, 5)
        status, body, header = ask(app, "/posts/1")
        gauge = app.gauges()[0]
        slow.join()
    assert (status, gauge["timeouts"], gauge["size"]) == (503, 1, 1)
    assert body["detail"].startswith("no connection within 0.3 s")
    assert timed(header)["pool"] >= 290


def test_all_workers_are_up_and_heard_each_time(server, tmp_path):
    with running(server, tmp_path, "null", workers=2) as app:
        for _ in range(3):
            gauges = app.gauges()
            assert tuple(gauge["pid"] for gauge in gauges) == tuple(sorted(app.pids()))
            assert len(gauges) == 2


def test_nothing_is_left_after_stop(server, tmp_path):
    with running(server, tmp_path, "queue", workers=2, name="lab-app-stop") as app:
        ask(app, "/posts/1")
        pids = app.pids()
        assert backends(server, "lab-app-stop") == 1
    assert not any(psutil.pid_exists(pid) for pid in pids)
    assert wait_until(lambda: backends(server, "lab-app-stop") == 0, 5)
    assert (app.pids(), app.gauges()) == ((), [])
    app.stop()


def test_workers_do_not_outlive_their_killed_supervisor(server, tmp_path):
    with running(server, tmp_path, "null", workers=2) as app:
        pids = app.pids()
        os.kill(app.child.pid, signal.SIGKILL)
        assert wait_until(lambda: not any(psutil.pid_exists(pid) for pid in pids), 10)


def test_the_app_listens_on_loopback_only(pooled):
    listening = [c.laddr.ip for c in psutil.Process(pooled.child.pid).net_connections("tcp") if c.status == "LISTEN"]
    assert listening == ["127.0.0.1"]
    assert pooled.url == f"http://127.0.0.1:{pooled.port}"


def test_a_database_without_the_mark_is_refused_in_one_line(server, tmp_path):
    with pytest.raises(NotMarkedError, match="does not carry the lab's mark"):
        check_mark(elsewhere(server), "lab-app")
    with pytest.raises(AppError, match="does not carry the lab's mark") as caught:
        stage.start(elsewhere(server), PoolConfig(), port=0, name="x", log=tmp_path / "app.log")
    assert "\n" not in str(caught.value)


def test_a_server_that_is_not_there_is_told_in_one_line(tmp_path):
    dsn = "postgresql://lab_app@127.0.0.1:1/lab"
    with pytest.raises(AppError, match=r"database 'lab' on 127\.0\.0\.1:1 cannot be used") as caught:
        stage.start(dsn, PoolConfig(), port=0, name="x", log=tmp_path / "app.log")
    assert "\n" not in str(caught.value)


def test_errors_keep_the_connection_and_fill_no_log(pooled):
    connection = HTTPConnection("127.0.0.1", pooled.port)
    for _ in range(5):
        connection.request("GET", "/error")
        answer = connection.getresponse()
        assert (answer.status, "Server-Timing" in answer.headers) == (500, True)
        answer.read()
    connection.close()
    assert pooled.child.log.read_text().count("Traceback") == 1


def test_a_port_that_is_lost_to_another_app_is_replaced(server, tmp_path, monkeypatch):
    with running(server, tmp_path, "null") as first:
        ports = [first.port, stage.free_port(0, "LAB_APP_PORT")]
        monkeypatch.setattr(stage, "free_port", lambda wanted, name: ports.pop(0))
        with running(server, tmp_path, "null") as second:
            assert (ports, second.gauges()[0]["pid"]) == ([], second.child.pid)


def test_only_the_classic_session_can_block_its_own_return(server, tmp_path):
    """80 in flight are more than 40 threads and 1 connection: the classic form stalls until the pool's timeout."""
    with running(server, tmp_path, "queue:size=1,overflow=0,timeout=1") as app:
        assert set(_at_once(app, "/posts/1", 80)) == {200}
        assert set(_at_once(app, "/classic/posts/1", 80)) == {200, 503}


def _at_once(app, path, count):
    statuses, together = [], threading.Barrier(count)

    def work():
        together.wait()
        statuses.append(ask(app, path)[0])

    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return statuses


def test_an_async_pool_gives_back_in_the_classic_form_too(server, tmp_path):
    with running(server, tmp_path, "async:size=1,overflow=0,timeout=5") as app:
        assert set(_at_once(app, "/classic/posts/1", 80)) == {200}
