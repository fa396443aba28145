"""The observer's parts that need no server."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from lab import observe
from lab.errors import ObserverError
from lab.observe.cpu import Stat
from lab.observe.orders import HolderGone, Orders
from lab.observe.rows import Rows
from lab.observe.session import DATABASE, STATEMENTS, check_dsn, select_list
from lab.observe.system import System
from lab.record import raw
from lab.record.tables import TABLES

NOBODY = "postgresql://nobody@127.0.0.1:1/postgres"


def test_columns_are_those_that_the_server_has() -> None:
    of_13 = ["userid", "dbid", "queryid", "query", "calls", "total_exec_time", "rows"]
    text = select_list(STATEMENTS, of_13)
    assert "NULL AS toplevel" in text and "NULL AS stats_since" in text
    assert "total_exec_time AS total_exec_ms" in text
    assert "total_time AS total_exec_ms" in select_list(STATEMENTS, ["total_time"])


def test_every_column_that_is_read_has_its_place_in_the_record() -> None:
    assert set(DATABASE) <= set(TABLES["database"].names)
    assert set(STATEMENTS) <= set(TABLES["statements"].names)


def test_a_password_in_the_dsn_is_refused() -> None:
    with pytest.raises(ObserverError, match="passfile"):
        check_dsn("postgresql://lab:secret@127.0.0.1/postgres")


def test_a_dsn_that_is_none_is_refused_in_one_line() -> None:
    with pytest.raises(ObserverError, match="cannot be read") as caught:
        check_dsn("postgresql://[")
    assert "\n" not in str(caught.value)


def test_rows_are_kept_until_they_are_flushed_and_events_are_not(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    rows = Rows(tmp_path, 7)
    request.addfinalizer(rows.close)
    rows.add("samples", {"t_us": 1})
    rows.event("server lost", "two\nlines")
    file = raw.observer_file(tmp_path, 7)
    assert file.read_text() == ""
    rows.flush()
    assert json.loads(file.read_text()) == {"table": "samples", "t_us": 1}
    assert json.loads((tmp_path / "events.jsonl").read_text())["detail"] == "two lines"


def test_orders_may_come_in_pieces_and_the_end_is_noticed() -> None:
    source, into = os.pipe()
    orders = Orders(source, into)
    os.write(into, b"mark a\nwatch ge")
    assert [order.words for order in orders.read()] == [("mark", "a")]
    os.write(into, b"nerator 5\n\n")
    assert [order.words for order in orders.read()] == [("watch", "generator", "5")]
    os.close(into)
    with pytest.raises(HolderGone):
        orders.read()
    os.close(source)


class Renamed:
    """A process whose pid gets a new owner."""

    started = 1.0

    def stat(self, pid: int) -> Stat | None:
        return Stat(0, 3.0, 0.0, self.started, 1) if pid == 5 else None

    def children(self, pid: int) -> list[int]:
        return []


@pytest.fixture
def rows(tmp_path: Path) -> Iterator[Rows]:
    with closing(Rows(tmp_path, 1)) as opened:
        yield opened


def test_a_pid_with_a_new_owner_is_not_counted(rows: Rows) -> None:
    processes = Renamed()
    system = System(rows, processes)
    system.watch("app", 5)
    usage = system.usage("app")
    assert usage and usage.cpu_s == 3.0
    processes.started = 2.0
    assert system.usage("app") is None


@pytest.mark.parametrize(("role", "pid", "said"), [("cook", 5, "no role"), ("app", 6, "no process 6")])
def test_what_cannot_be_watched_is_refused(rows: Rows, role: str, pid: int, said: str) -> None:
    with pytest.raises(ObserverError, match=said):
        System(rows, Renamed()).watch(role, pid)


def test_an_observer_without_a_server_says_so_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(ObserverError, match="cannot reach the server") as caught:
        observe.start(NOBODY, "lab", tmp_path, application="a", watch={}, log=tmp_path / "log")
    assert "\n" not in str(caught.value)


def test_an_observer_without_a_folder_says_so(tmp_path: Path) -> None:
    with pytest.raises(ObserverError, match="cannot write to"):
        observe.start(NOBODY, "lab", tmp_path / "none", application="a", watch={}, log=tmp_path / "log")


def test_nobody_to_ask_is_an_error_and_not_an_answer() -> None:
    with pytest.raises(ObserverError, match="cannot ask"):
        observe.wait_until_gone(NOBODY, "a", 1.0)


def test_the_command_line_holds_no_surprise(tmp_path: Path) -> None:
    argv = observe.command("dbname=x", "lab", tmp_path, application="a b", watch={"app": 1, "server": 2}, hz=5.0)
    assert argv[:3] == [sys.executable, "-m", "lab.observe"]
    assert argv[-3:] == ["--hz=5.0", "--watch=app=1", "--watch=server=2"]
