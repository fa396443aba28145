"""``lab autovacuum`` against a server that is not the lab's, as a role that may look and not touch."""

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import psycopg2
import pytest

from lab import config as settings
from lab.cli.main import run as lab
from lab.process import wait_until
from lab.server.private import Private, private

SETTINGS = {"autovacuum": "on", "autovacuum_naptime": "1s", "log_autovacuum_min_duration": "0"}


@dataclass(frozen=True)
class Foreign:
    server: Private
    watcher: str  # DSN of a role with pg_monitor
    stranger: str  # and of one without


@pytest.fixture(scope="module")
def foreign(open_folder: Path) -> Iterator[Foreign]:
    with private(settings.read({"LAB_HOME": str(open_folder / "foreign")}), settings=SETTINGS) as server:
        server.add_role("watcher")
        server.add_role("stranger")
        with server.owner() as connection, connection.cursor() as cursor:
            cursor.execute("GRANT pg_monitor TO watcher")
            cursor.execute("CREATE TABLE idle (id int)")
            cursor.execute("CREATE TABLE off (id int) WITH (autovacuum_enabled = off)")
        yield Foreign(server, server.dsn("watcher"), server.dsn("stranger"))


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LAB_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def document(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, object]:
    assert lab(["autovacuum", *arguments, "--json"]) == 0
    found: dict[str, object] = json.loads(capsys.readouterr().out)
    return found


def test_what_was_said_is_kept_and_later_held_against_the_log(
    foreign: Foreign, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(foreign, "CREATE TABLE churned AS SELECT generate_series(1, 500) AS id")
    with closing(psycopg2.connect(foreign.server.dsn())) as holder, holder.cursor() as cursor:
        # autovacuum passes over what is locked, so that it does not come before it is predicted
        cursor.execute("LOCK TABLE churned IN SHARE UPDATE EXCLUSIVE MODE")
        run(foreign, "DELETE FROM churned")
        said = document(capsys, "--dsn", foreign.watcher, "--watch", "0", "churned")["predictions"]
        assert isinstance(said, list) and (home / "autovacuum" / "predictions.jsonl").exists()
        assert {one["verdict"] for one in said if one["action"] == "vacuum"} == {"due"}
        holder.rollback()
    found: list[dict[str, object]] = []

    def came() -> bool:
        log = ("--check", "--log", str(foreign.server.log), "churned")
        outcomes = document(capsys, "--dsn", foreign.watcher, *log)["outcomes"]
        assert isinstance(outcomes, list)
        found[:] = [one for one in outcomes if one["prediction"]["action"] == "vacuum"]
        return found[0]["rows_removed"] is not None

    assert wait_until(came, timeout_s=30, every_s=0.2)
    assert (found[0]["verdict"], found[0]["rows_removed"]) == ("as predicted", 500)


def test_what_cannot_be_judged_is_said(
    foreign: Foreign, home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document(capsys, "--dsn", foreign.watcher, "--watch", "0", "idle")
    with (home / "autovacuum" / "predictions.jsonl").open("a") as stream:
        stream.write('no json\n{"server": "half')
    log = tmp_path / "pg.log.1"
    said = 'automatic vacuum of table "postgres.public.idle": index scans: 0'
    log.write_text(f"2026-11-23 02:51:28.000 NOZONE [7] LOG:  {said}\n2026-11-23 02:51:28 +02 [7] LOG:  {said}\n")
    found = document(capsys, "--dsn", foreign.watcher, "--check", "--log", str(log), "idle")
    first, second = found["notes"]  # type: ignore[misc]
    assert first.endswith("no predictions and were passed over: 2")
    assert second.startswith("1 of 2 runs in the log have no time, or one whose zone is not known")
    assert found["outcomes"]
    assert lab(["autovacuum", "--dsn", foreign.watcher, "--check", "--log", str(log), "idle"]) == 0
    assert f"note: {second}" in capsys.readouterr().out


def test_a_log_in_the_server_s_own_zone_is_held_against_what_was_said(
    open_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = settings.read({"LAB_HOME": str(open_folder / "abroad")})
    abroad = {"log_timezone": "Asia/Kolkata", "log_line_prefix": "%m [%p] "}
    with private(config, settings={**SETTINGS, **abroad}) as server:
        with server.owner() as connection, connection.cursor() as cursor:
            cursor.execute("CREATE TABLE churned AS SELECT generate_series(1, 500) AS id")
        here = Foreign(server, server.dsn(), server.dsn())
        document(capsys, "--dsn", server.dsn(), "--watch", "0", "churned")
        run(here, "DELETE FROM churned")
        check = ("--dsn", server.dsn(), "--check", "--log", str(server.log), "churned")

        def removed() -> bool:
            found = document(capsys, *check)
            assert found["notes"] == []
            return any(one["rows_removed"] == 500 for one in found["outcomes"])  # type: ignore[attr-defined]

        assert " IST " in server.log.read_text() and wait_until(removed, timeout_s=30, every_s=0.2)


def run(foreign: Foreign, statement: str) -> None:
    """Run a statement in a session that ends, and so reports its counts."""
    with foreign.server.owner() as connection, connection.cursor() as cursor:
        cursor.execute(statement)


def test_a_watch_tells_the_rate_and_the_holder(foreign: Foreign, capsys: pytest.CaptureFixture[str]) -> None:
    with closing(psycopg2.connect(foreign.server.dsn())) as holder, holder.cursor() as cursor:
        cursor.execute("INSERT INTO idle VALUES (1)")
        found = document(capsys, "--dsn", foreign.watcher, "--watch", "0.5")
        held = {one["pid"]: one["by"] for one in found["holders"]}  # type: ignore[attr-defined]
        assert held.get(holder.info.backend_pid) == "backend_xid"
        tables = {one["table"] for one in found["predictions"]}  # type: ignore[attr-defined]
        assert "public.idle" in tables and not any(name.startswith("pg_catalog.") for name in tables)


def test_a_table_that_is_switched_off_is_said_to_be(foreign: Foreign, capsys: pytest.CaptureFixture[str]) -> None:
    assert lab(["autovacuum", "--dsn", foreign.watcher, "--watch", "0", "off"]) == 0
    assert "public.off: never vacuum: autovacuum_enabled is off for this table" in capsys.readouterr().out


def test_a_role_that_may_see_less_is_told_so(foreign: Foreign, capsys: pytest.CaptureFixture[str]) -> None:
    notes = document(capsys, "--dsn", foreign.stranger, "--watch", "0")["notes"]
    assert "grant the role pg_monitor" in str(notes)


def test_nothing_is_written_to_the_other_server(foreign: Foreign, capsys: pytest.CaptureFixture[str]) -> None:
    ask = "SELECT sum(n_tup_ins + n_tup_upd + n_tup_del) FROM pg_stat_user_tables"
    with foreign.server.owner() as connection, connection.cursor() as cursor:
        cursor.execute(ask)
        before = cursor.fetchone()
        document(capsys, "--dsn", foreign.server.dsn(), "--watch", "0")
        cursor.execute(ask)
        assert cursor.fetchone() == before


def test_a_chart_is_drawn_of_one_table(foreign: Foreign, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "course.png"
    document(capsys, "--dsn", foreign.watcher, "--watch", "1", "--chart", str(file), "idle")
    assert file.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--watch", "-1"], 2, "--watch is -1"),
        (["--log", "x.csv"], 2, "--log is read with --check"),
        (["--chart", "x.png"], 2, "--chart draws the watch of one table"),
        (["nonsense"], 2, "no table 'nonsense'"),
        (["--check", "--log", "/nowhere/x.csv"], 1, "cannot be read"),
    ],
)
def test_what_is_wrong_is_one_line(
    foreign: Foreign, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, said: str
) -> None:
    assert lab(["autovacuum", "--dsn", foreign.watcher, *arguments]) == code
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1


def test_a_server_that_does_not_answer_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert lab(["autovacuum", "--dsn", "host=127.0.0.1 port=1"]) == 1
    assert "cannot be reached" in capsys.readouterr().err
