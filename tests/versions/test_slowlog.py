"""Logs that servers wrote themselves, of every major version and in every form that it has."""

import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg
import psycopg2
import pytest

from lab import config as settings
from lab.server.binaries import Binaries
from lab.server.private import private
from lab.slowlog import SlowLog, read, statements

PREFIX = "%m [%p] %q%u@%d/%a "
FORMATS = {".csv": ["-f", "csv"], ".json": ["-f", "jsonlog"], ".log": ["-f", "stderr", "-p", PREFIX]}
SETTINGS = {
    "logging_collector": "on",
    "log_directory": "log",
    "log_filename": "lab.log",
    "log_line_prefix": PREFIX,
    "log_min_duration_statement": "0",
    "shared_preload_libraries": "auto_explain",
    "auto_explain.log_min_duration": "0",
    "auto_explain.log_nested_statements": "on",
}
MAKE = [
    "CREATE TABLE t (a int, b text)",
    "INSERT INTO t SELECT g, 'x' FROM generate_series(1, 100) g",
    "CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS $$ BEGIN PERFORM count(*) FROM t WHERE a < 5; RETURN 1; END$$",
]
LAST = "SELECT 'the last'"
ASKED = ["SELECT *\n  FROM t\n WHERE b = 'it''s, \"so\"'", "SELECT 1; SELECT 2", "SELECT f()", "SELECT 1 / 0"]


@dataclass(frozen=True)
class Written:
    """What a server wrote, by the form's suffix, and how many statements it was sent and answered."""

    files: dict[str, Path]
    sent: int


@pytest.fixture(scope="module")
def written(programs: Binaries, open_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Written]:
    """The logs of a server under both drivers: text and values, prepared statements, cursors, functions, errors."""
    config = settings.read({"LAB_HOME": str(open_folder / "slowlog")})
    forms = "stderr,csvlog" + (",jsonlog" if programs.major >= 15 else "")
    with private(replace(config, pg_bin=programs.bin_dir), settings={**SETTINGS, "log_destination": forms}) as server:
        sent = _with_psycopg2(server.dsn()) + _with_psycopg3(server.dsn())
        with server.owner() as connection, connection.cursor() as cursor:
            cursor.execute(LAST)
        folder = tmp_path_factory.mktemp("logs")
        _wait_for(server.where.data / "log", forms.count(",") + 1)
        shutil.copytree(server.where.data / "log", folder, dirs_exist_ok=True)
    yield Written({file.suffix: file for file in folder.iterdir()}, sent + 1)


PREPARED = "PREPARE p1(int) AS SELECT * FROM t WHERE a = $1"
EXECUTED = [f"EXECUTE p1({number})" for number in range(20)]
TOGETHER = "PREPARE p2 AS SELECT 3; EXECUTE p2"


def _with_psycopg2(dsn: str) -> int:
    connection = psycopg2.connect(dsn)
    connection.autocommit = True
    cursor = connection.cursor()
    for statement in [*MAKE, *ASKED, PREPARED, *EXECUTED, TOGETHER]:
        with suppress(psycopg2.errors.DivisionByZero):
            cursor.execute(statement)
    connection.autocommit = False
    named = connection.cursor("one")
    named.execute("SELECT * FROM t")
    named.fetchmany(3)
    named.close()
    connection.commit()
    connection.close()
    return len(MAKE) + len(ASKED) - 1 + 22 + 5  # an error has no duration; begin, declare, fetch, close, commit


def _with_psycopg3(dsn: str) -> int:
    with psycopg.connect(dsn) as connection:
        for number in range(8):  # from the sixth on under a name
            connection.execute("SELECT * FROM t WHERE a = %s AND b = %s", (number, "it's\nso"))
        connection.execute("DEALLOCATE ALL")
    return 8 + 2  # begin and commit; DEALLOCATE does not count


def _wait_for(folder: Path, files: int) -> None:
    """The collector writes what it was sent a little later."""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        if sum("the last" in file.read_text(errors="replace") for file in folder.iterdir()) >= files:
            return
        time.sleep(0.05)
    raise AssertionError("the log was not written")


def test_every_form_has_what_was_sent_and_each_plan_is_joined(written: Written) -> None:
    found = {suffix: read([file], PREFIX if suffix == ".log" else "") for suffix, file in written.files.items()}
    for one in found.values():
        assert one.statements == written.sent + 1  # the count inside the function has a plan of its own
        assert (one.plans - one.joined, one.skipped) == (1, 0)
    assert len({(one.statements, one.duration_ms, one.joined, one.groups) for one in found.values()}) == 1


def test_a_prefix_is_recognised_if_it_is_not_given(written: Written) -> None:
    given, recognised = (read([written.files[".log"]], prefix) for prefix in (PREFIX, ""))
    assert given == recognised


def test_the_statements_are_those_that_were_sent(written: Written) -> None:
    by_driver = [row for table in statements([written.files[".csv"]]) for row in table.to_pylist()]
    sent = {row["statement"] for row in by_driver if row["kind"] == "statement"}
    assert {*MAKE, *ASKED[:-1], LAST} <= sent
    executed = [row["detail"] for row in by_driver if row["statement"] == "SELECT * FROM t WHERE a = $1 AND b = $2"]
    assert any("$1 = '7'" in detail and "'it''s\nso'" in detail for detail in executed)


def test_each_group_has_the_calls_that_were_made(written: Written) -> None:
    groups = {group.statement: group for group in read([written.files[".csv"]]).groups}
    assert groups["select * from t where a = ? and b = ?"].calls == 8
    assert groups["select * from t where a = ? and b = ?"].plans == 8
    assert groups["select count(*) from t where a < ?"].plans == 1


def test_each_sql_execute_has_its_plan_and_prepare_has_none(written: Written) -> None:
    for suffix, file in written.files.items():
        groups = {group.statement: group for group in read([file], PREFIX if suffix == ".log" else "").groups}
        prepared = groups["prepare p1(int) as select * from t where a = ?"]
        assert (prepared.calls, prepared.plans) == (1, 0)
        assert (groups["execute p1(?)"].calls, groups["execute p1(?)"].plans) == (20, 20)
        assert groups["prepare p2 as select ?; execute p2"].plans == 1


@pytest.mark.skipif(shutil.which("pgbadger") is None, reason="pgbadger is not installed")
def test_pgbadger_counts_the_same_but_for_the_plans(written: Written, tmp_path: Path) -> None:
    for suffix, file in written.files.items():
        ours, out = read([file]), tmp_path / "out.json"
        command = [
            "pgbadger",
            "-q",
            "--pid-dir",
            str(tmp_path),
            *FORMATS[suffix],
            "-x",
            "json",
            "-o",
            str(out),
            str(file),
        ]
        subprocess.run(command, check=True)
        theirs = json.loads(out.read_text())["overall_stat"]
        assert theirs["queries_number"] == ours.statements + ours.joined
        assert _duration_ms(theirs) == pytest.approx(ours.duration_ms + _plans_ms(file, ours))


def _duration_ms(stat: dict[str, dict[str, dict[str, float]]]) -> float:
    databases = [one for one in stat.values() if isinstance(one, dict)]
    return sum(one["queries_duration"]["execute"] for one in databases if "queries_duration" in one)


def _plans_ms(file: Path, ours: SlowLog) -> float:
    """The durations of the joined plans, which pgBadger adds to those of their statements."""
    nested = next(group for group in ours.groups if group.statement == "select count(*) from t where a < ?")
    plans = [row for table in statements([file]) for row in table.to_pylist() if row["kind"] == "plan"]
    return sum(row["duration_ms"] for row in plans) - nested.total_ms
