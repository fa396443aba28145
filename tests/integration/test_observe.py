"""The observer against a real server."""

import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import Any

import psutil
import psycopg2
import pytest
from psycopg2.extensions import connection, make_dsn, parse_dsn

from lab import observe
from lab.analyse.delta import at_mark, database_delta
from lab.analyse.recorded import snapshot_at
from lab.analyse.statements import statement_deltas
from lab.errors import ObserverError
from lab.observe.cpu import LINUX, here, tree
from lab.process import wait_until
from lab.record import raw
from lab.record.tables import TABLES

Starter = Callable[..., observe.Observer]
TARGET = "lab"
COUNTED = "SELECT width_bucket(5.35, 0.024, 10.06, 5)"  # what nobody else asks


@pytest.fixture
def started(server: Any, tmp_path: Path) -> Iterator[Starter]:
    """Start observers that end with the test."""
    running: list[observe.Observer] = []

    def start(dsn: str = "", **options: Any) -> observe.Observer:
        fixed: dict[str, Any] = {"application": "lab-app-test", "watch": {}, "hz": 20.0, "log": tmp_path / "log"}
        running.append(observe.start(dsn or server.observer_dsn, TARGET, tmp_path, **{**fixed, **options}))
        return running[-1]

    yield start
    for observer in running:
        with suppress(ObserverError):
            observer.stop()


@pytest.fixture
def clients(server: Any) -> Iterator[Callable[[str], connection]]:
    """Open connections of an application to the target; all are closed in the end."""
    with ExitStack() as stack:
        yield lambda name: stack.enter_context(closing(psycopg2.connect(server.app_dsn, application_name=name)))


def rows(folder: Path, observer: observe.Observer, table: str) -> list[dict[str, Any]]:
    lines = raw.observer_file(folder, observer.pid).read_text().splitlines()
    return [row for row in map(json.loads, lines) if row["table"] == table]


def events(folder: Path) -> list[str]:
    return [json.loads(line)["event"] for line in (folder / "events.jsonl").read_text().splitlines()]


def observed(folder: Path, observer: observe.Observer, application: str) -> set[tuple[Any, ...]]:
    """Return what one look saw of an application, from any look that saw something."""
    return {
        (row["state"], row["wait_event_type"], row["backends"])
        for row in rows(folder, observer, "activity")
        if row["application"] == application
    }


def ask(dsn: str, question: str, commit: bool = False) -> Any:
    with closing(psycopg2.connect(dsn, application_name="lab-admin-test")) as asking, asking.cursor() as cursor:
        cursor.execute(question)
        answer = cursor.fetchone() if cursor.description else None
        if commit:
            asking.commit()
        return answer


def own_backend(server: Any) -> int:
    found = ask(server.owner_dsn, "SELECT pid FROM pg_stat_activity WHERE application_name = 'lab-observer'")
    return int(found[0])


def test_idle_and_idle_in_transaction_are_counted(
    started: Starter, clients: Callable[[str], connection], tmp_path: Path
) -> None:
    for number in range(12):
        client = clients("lab-app-count")
        client.cursor().execute("SELECT 1")
        if number >= 7:
            client.commit()
    observer = started()
    expected = {("idle in transaction", "Client", 7), ("idle", "Client", 5)}
    assert wait_until(lambda: observed(tmp_path, observer, "lab-app-count") == expected, 5)


def test_a_wait_for_a_lock_is_seen_as_one(
    started: Starter, clients: Callable[[str], connection], tmp_path: Path
) -> None:
    clients("lab-app-holder").cursor().execute("SELECT pg_advisory_lock(4711)")
    waiting = clients("lab-app-waiting")
    thread = threading.Thread(target=lambda: _execute(waiting, "SELECT pg_advisory_lock(4711)"))
    thread.start()
    observer = started()
    seen = wait_until(lambda: ("active", "Lock", 1) in observed(tmp_path, observer, "lab-app-waiting"), 5)
    waiting.cancel()
    thread.join()
    assert seen


def _execute(client: connection, question: str) -> None:
    with suppress(psycopg2.Error):
        client.cursor().execute(question)


def test_the_lab_itself_is_left_out_and_other_databases_too(
    server: Any, started: Starter, clients: Callable[[str], connection], tmp_path: Path
) -> None:
    for name in ("lab-observer", "lab-admin-x", "lab-app-seen"):
        clients(name).cursor().execute("SELECT 1")
    with closing(psycopg2.connect(server.observer_dsn, application_name="lab-elsewhere")):
        observer = started()
        assert wait_until(lambda: bool(observed(tmp_path, observer, "lab-app-seen")), 5)
        observer.stop()
    names = {row["application"] for row in rows(tmp_path, observer, "activity")}
    assert "lab-app-seen" in names
    assert not names & {"lab-observer", "lab-admin-x", "lab-elsewhere"}


def test_observing_does_not_change_what_is_observed(server: Any, started: Starter) -> None:
    question = (
        "SELECT sessions, xact_commit, xact_rollback, tup_returned, blks_hit "
        f"FROM pg_stat_database WHERE datname = '{TARGET}'"
    )
    observer = started()

    def unchanged() -> bool:
        before = ask(server.observer_dsn, question)
        observer.mark("quiet")
        time.sleep(1.2)  # a backend reports its counters at most once a second
        observer.mark("quiet")
        return bool(ask(server.observer_dsn, question) == before)

    # autovacuum may visit the database at any time, but not each time
    assert any(unchanged() for _ in range(3))


def test_sessions_and_commits_are_exact_once_the_application_is_gone(
    server: Any, started: Starter, tmp_path: Path
) -> None:
    observer = started()
    for turn in range(3):
        observer.mark(f"before-{turn}")
        threads = [threading.Thread(target=_connect_often, args=(server.app_dsn, 15)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert observe.wait_until_gone(server.observer_dsn, "lab-app-null", 10)
        observer.mark(f"after-{turn}")
    taken = rows(tmp_path, observer, "database")
    for turn in range(3):
        delta = database_delta(at_mark(taken, f"before-{turn}")[0], at_mark(taken, f"after-{turn}")[0])
        assert delta["sessions"] == 60
        # each session commits once when it starts; autovacuum may add some of its own
        assert delta["xact_commit"] >= 120


def _connect_often(dsn: str, count: int) -> None:
    for _ in range(count):
        with closing(psycopg2.connect(dsn, application_name="lab-app-null")) as client:
            client.cursor().execute("SELECT 1")
            client.commit()


def test_an_application_that_stays_is_not_gone(server: Any, clients: Callable[[str], connection]) -> None:
    clients("lab-app-stays")
    assert observe.wait_until_gone(server.observer_dsn, "lab-app-stays", 0.1) is False


def test_calls_of_a_statement_are_counted_between_marks(
    started: Starter, clients: Callable[[str], connection], tmp_path: Path
) -> None:
    observer = started()
    client = clients("lab-app-calls")
    client.cursor().execute(COUNTED)
    observer.mark("begin")
    for _ in range(20):
        client.cursor().execute(COUNTED)
    observer.mark("end")
    statements, databases = (rows(tmp_path, observer, name) for name in ("statements", "database"))
    before, after = (snapshot_at(mark, databases, statements) for mark in ("begin", "end"))
    assert before and after
    deltas = statement_deltas(before, after)
    assert [item.calls for item in deltas.statements if "width_bucket" in item.query] == [20]


def test_every_row_fits_the_record(server: Any, started: Starter, tmp_path: Path) -> None:
    observer = started(watch={"app": os.getpid()})
    observer.watch("generator", os.getpid())
    t_us = observer.mark("only")
    time.sleep(0.3)
    observer.stop()
    lines = [json.loads(line) for line in raw.observer_file(tmp_path, observer.pid).read_text().splitlines()]
    assert {line["table"] for line in lines} >= {"samples", "database", "statements", "system"}
    for line in lines:
        assert set(line) - {"table"} <= set(TABLES[line["table"]].names)
    assert [line["t_us"] for line in lines if line["table"] == "database"] == [t_us]
    roles = {line["role"] for line in lines if line["table"] == "system"}
    # whether the server's own is there depends on its system
    assert roles - {"server"} == {"app", "generator", "observer", "machine"}


@pytest.mark.skipif(not LINUX, reason="only Linux keeps the time of processes that have ended")
def test_the_servers_time_includes_backends_that_have_ended(server: Any, started: Starter, tmp_path: Path) -> None:
    if not server.pid:
        pytest.skip("the server's pid is not known")
    observer = started(watch={"server": server.pid})
    observer.mark("begin")
    with closing(psycopg2.connect(server.app_dsn, application_name="lab-app-burns")) as client:
        client.cursor().execute("SELECT sum(n) FROM generate_series(1, 1000000) AS g (n)")
    assert observe.wait_until_gone(server.observer_dsn, "lab-app-burns", 5)
    observer.mark("end")
    used = [row["cpu_s"] for row in rows(tmp_path, observer, "system") if row["role"] == "server"]
    assert used == sorted(used)
    assert used[-1] - used[0] > 0.03


@pytest.mark.skipif(not LINUX, reason="the server reads its own /proc, which only Linux has")
def test_a_server_that_cannot_be_seen_is_asked_for_its_time(server: Any, started: Starter, tmp_path: Path) -> None:
    observer = started()
    observer.mark("begin")
    with closing(psycopg2.connect(server.app_dsn, application_name="lab-app-burns")) as client:
        client.cursor().execute("SELECT sum(n) FROM generate_series(1, 1000000) AS g (n)")
    assert observe.wait_until_gone(server.observer_dsn, "lab-app-burns", 5)
    observer.mark("end")
    asked = [row for row in rows(tmp_path, observer, "system") if row["role"] == "server"]
    used = [row["cpu_s"] for row in asked]
    assert used == sorted(used)
    assert used[-1] - used[0] > 0.03
    own = [row["cpu_s"] for row in rows(tmp_path, observer, "system") if row["role"] == "observer"]
    assert own == sorted(own)


@pytest.mark.skipif(not LINUX, reason="the server reads its own /proc, which only Linux has")
def test_the_server_and_the_observer_read_the_same(server: Any) -> None:
    if not server.pid:
        pytest.skip("the server's pid is not known")
    with closing(psycopg2.connect(server.observer_dsn, application_name="lab-admin-test")) as asking:
        session, processes = asking.info.backend_pid, here()
        with asking.cursor() as cursor:
            cursor.execute("SELECT * FROM lab.server_usage()")
            found = cursor.fetchone()
        seen, own = tree(processes, server.pid, deep=False, without=session), processes.stat(session)
    assert found and seen and own
    assert found[0] == pytest.approx(seen.cpu_s, abs=0.2)
    assert found[1] == pytest.approx(seen.rss_bytes, rel=0.1)
    assert (found[2], found[3]) == (pytest.approx(own.own_s, abs=0.2), pytest.approx(own.rss_bytes, rel=0.3))


@pytest.mark.skipif(not LINUX, reason="the server reads its own /proc, which only Linux has")
def test_the_backends_memory_is_read_once_the_load_is_done(
    started: Starter, clients: Callable[[str], connection], tmp_path: Path
) -> None:
    waiting = [clients("lab-app-memory") for _ in range(5)]
    for client in waiting:
        client.cursor().execute("SELECT count(*) FROM posts")
    observer = started()
    for mark in ("start", "load_done", "after"):
        observer.mark(mark)
    taken = rows(tmp_path, observer, "memory")
    assert {row["mark"] for row in taken} == {"load_done"}
    mine = [row for row in taken if row["application"] == "lab-app-memory"]
    assert {row["pid"] for row in mine} == {client.info.backend_pid for client in waiting}
    for row in mine:
        assert (row["backend_type"], row["state"]) == ("client backend", "idle in transaction")
        assert 0 < row["private_bytes"] <= row["pss_bytes"] < row["rss_bytes"]
    assert "memory unknown" not in events(tmp_path)


def test_a_server_without_the_functions_is_observed_all_the_same(server: Any, started: Starter, tmp_path: Path) -> None:
    maintained = make_dsn(server.owner_dsn, dbname="postgres")
    ask(maintained, "ALTER SCHEMA lab RENAME TO gone", commit=True)
    try:
        observer = started()
        assert observer.mark("load_done") > 0
        observer.stop()
    finally:
        ask(maintained, "ALTER SCHEMA gone RENAME TO lab", commit=True)
    assert events(tmp_path).count("memory unknown") == 1
    assert rows(tmp_path, observer, "memory") == []
    assert "server" not in {row["role"] for row in rows(tmp_path, observer, "system")}


def test_questions_that_fail_do_not_end_the_observer(server: Any, started: Starter, tmp_path: Path) -> None:
    maintained = make_dsn(server.owner_dsn, dbname="postgres")
    ask(maintained, "ALTER FUNCTION lab.read_proc(text) RENAME TO gone", commit=True)
    try:
        observer = started()
        assert observer.mark("load_done") > 0
        assert observer.mark("after") > 0
        observer.stop()
    finally:
        ask(maintained, "ALTER FUNCTION lab.gone(text) RENAME TO read_proc", commit=True)
    assert {"memory unknown", "server usage unknown"} <= set(events(tmp_path))
    assert [row["mark"] for row in rows(tmp_path, observer, "database")] == ["load_done", "after"]


def test_backends_that_end_meanwhile_do_not_end_the_question(server: Any) -> None:
    threads = [threading.Thread(target=_connect_often, args=(server.app_dsn, 60)) for _ in range(3)]
    for thread in threads:
        thread.start()
    with closing(psycopg2.connect(server.observer_dsn)) as asking, asking.cursor() as cursor:
        asking.autocommit = True
        while any(thread.is_alive() for thread in threads):
            cursor.execute("SELECT count(*) FROM lab.backend_memory(), lab.server_usage()")
    for thread in threads:
        thread.join()


def test_only_the_observer_asks_and_for_nothing_else(server: Any) -> None:
    question = """
        SELECT r.rolname, array_agg(p.proname::text ORDER BY p.proname)
        FROM pg_proc AS p, pg_roles AS r
        WHERE p.pronamespace = 'lab'::regnamespace AND NOT r.rolsuper
            AND has_function_privilege(r.oid, p.oid, 'EXECUTE')
        GROUP BY r.rolname
    """
    with closing(psycopg2.connect(make_dsn(server.owner_dsn, dbname="postgres"))) as conn, conn.cursor() as cursor:
        cursor.execute(question)
        may = dict(cursor.fetchall())
        cursor.execute("SELECT rolsuper FROM pg_roles WHERE rolname = 'lab_observer'")
        # before 16 the observer's slot takes a superuser
        is_superuser = cursor.fetchone() == (True,)
    assert may == ({} if is_superuser else {"lab_observer": ["backend_memory", "server_usage"]})


def test_what_cannot_be_done_is_said(started: Starter) -> None:
    observer = started()
    with pytest.raises(ObserverError, match="no process"):
        observer.watch("generator", 2**22 + 1)
    with pytest.raises(ObserverError, match="cannot be the name"):
        observer.mark("two words")
    assert observer.mark("fine") > 0


def test_the_target_must_exist(server: Any, tmp_path: Path) -> None:
    fixed: dict[str, Any] = {"application": "a", "watch": {}, "log": tmp_path / "log"}
    with pytest.raises(ObserverError, match="no database 'nowhere'"):
        observe.start(server.observer_dsn, "nowhere", tmp_path, **fixed)


def test_a_role_that_would_be_blind_is_refused(server: Any, tmp_path: Path) -> None:
    with pytest.raises(ObserverError, match="grant it pg_monitor"):
        observe.start(server.app_dsn, "postgres", tmp_path, application="a", watch={}, log=tmp_path / "log")


def test_an_observer_that_was_killed_is_an_error_and_not_a_hang(started: Starter) -> None:
    observer = started()
    os.kill(observer.pid, signal.SIGKILL)
    with pytest.raises(ObserverError, match="the observer ended"):
        observer.mark("late")
    with pytest.raises(ObserverError, match="may be missing"):
        observer.stop()
    observer.stop()


@pytest.fixture
def frozen(server: Any) -> Iterator[Callable[[], None]]:
    """Freeze the backend that serves the observer; it is thawed in the end."""
    stopped: list[int] = []

    def freeze() -> None:
        pid = own_backend(server)
        try:
            os.kill(pid, signal.SIGSTOP)
        except (PermissionError, ProcessLookupError):
            pytest.skip("the server's processes belong to another user or machine")
        stopped.append(pid)

    yield freeze
    for pid in stopped:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


def test_a_frozen_server_pauses_the_observer_and_a_mark_is_answered_with_an_error(
    server: Any, started: Starter, frozen: Callable[[], None], tmp_path: Path
) -> None:
    observer = started()
    backend = own_backend(server)
    frozen()
    time.sleep(0.5)  # by now it waits for an answer that does not come
    with pytest.raises(ObserverError, match="does not answer"):
        observer.mark("frozen", timeout_s=8)
    assert "server silent" in events(tmp_path)
    os.kill(backend, signal.SIGCONT)
    assert observer.mark("thawed") > 0
    observer.stop()
    assert [row["mark"] for row in rows(tmp_path, observer, "database")] == ["thawed"]


def test_the_end_of_its_input_ends_it_even_when_the_server_is_frozen(
    started: Starter, frozen: Callable[[], None], tmp_path: Path
) -> None:
    observer = started()
    time.sleep(0.5)
    frozen()
    time.sleep(0.3)
    assert observer.process.stdin
    observer.process.stdin.close()
    assert observer.process.wait(5) == 0
    assert rows(tmp_path, observer, "samples")


HOLDER = """
import sys, time
from pathlib import Path
from lab import observe
folder = Path(sys.argv[2])
started = observe.start(sys.argv[1], "lab", folder, application="a", watch={}, log=folder / "log")
print(started.pid, flush=True)
time.sleep(60)
"""


def test_an_observer_ends_when_its_holder_is_killed(server: Any, tmp_path: Path) -> None:
    argv = [sys.executable, "-c", HOLDER, server.observer_dsn, str(tmp_path)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as holder:
        assert holder.stdout
        pid = int(holder.stdout.readline())
        assert psutil.pid_exists(pid)
        holder.kill()
    assert wait_until(lambda: not _lives(pid), 5)


def _lives(pid: int) -> bool:
    with suppress(psutil.NoSuchProcess):
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    return False


class Proxy:
    """A port that leads to the server until it is cut."""

    def __init__(self, server: tuple[str, int]) -> None:
        self.server = server
        self.pairs: list[socket.socket] = []
        self.door = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.door.getsockname()[1]
        self._serve()

    def _serve(self) -> None:
        threading.Thread(target=self._accept, args=(self.door,), daemon=True).start()

    def _accept(self, door: socket.socket) -> None:
        with suppress(OSError):
            while True:
                inner, outer = door.accept()[0], socket.create_connection(self.server)
                self.pairs += [inner, outer]
                threading.Thread(target=self._carry, args=(inner, outer), daemon=True).start()

    def _carry(self, inner: socket.socket, outer: socket.socket) -> None:
        other = {inner: outer, outer: inner}
        with suppress(OSError, ValueError):
            while True:
                for end in select.select([inner, outer], [], [])[0]:
                    data = end.recv(65536)
                    if not data:
                        raise OSError
                    other[end].sendall(data)
        for end in other:
            end.close()

    def cut(self) -> None:
        for end in (self.door, *self.pairs):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        self.door.close()
        self.pairs.clear()

    def mend(self) -> None:
        self.door = socket.create_server(("127.0.0.1", self.port))
        self._serve()


def test_it_survives_the_loss_of_the_server_and_says_so(server: Any, started: Starter, tmp_path: Path) -> None:
    parts = parse_dsn(server.observer_dsn)
    proxy = Proxy((parts.get("hostaddr") or parts["host"], int(parts["port"])))
    # the passfile knows the server's port and not the proxy's
    secret = tmp_path / "passfile"
    secret.touch(mode=0o600)
    if "passfile" in parts:
        text = Path(parts["passfile"]).read_text()
        secret.write_text(text.replace(f":{parts['port']}:", f":{proxy.port}:"))
    changed = {"host": "127.0.0.1", "port": str(proxy.port), "passfile": str(secret)}
    observer = started(make_dsn(server.observer_dsn, **changed))
    observer.mark("whole")
    proxy.cut()
    assert wait_until(lambda: "server lost" in events(tmp_path), 5)
    with pytest.raises(ObserverError, match="mark lost failed"):
        observer.mark("lost")
    assert observer.alive()
    proxy.mend()
    assert wait_until(lambda: "server back" in events(tmp_path), 5)
    assert observer.mark("mended") > 0
    proxy.cut()
