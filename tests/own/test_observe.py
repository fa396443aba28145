"""``lab observe`` beside somebody's database: what it sees, what it may not see, and how it ends."""

import json
import os
import signal
import time
from pathlib import Path

import psycopg2
import pytest
from psycopg2.extensions import make_dsn

from lab.observe.session import Session
from lab.process import free_port, wait_until
from lab.record import load
from lab.record import run as record
from lab.server import Server
from tests.own.scene import Lab, Shop, about, begun, folders, made_database, run


def test_it_counts_what_somebody_else_does(shop: Shop, home: Path) -> None:
    known = folders(home)
    child = begun(home, "observe", "--dsn", shop.looker_dsn, "--seconds", "4", "--json", password=shop.password)
    connection = psycopg2.connect(shop.owner_dsn, application_name="somebody")
    wait_for_start(home, known)
    with connection, connection.cursor() as cursor:
        for _ in range(57):
            cursor.execute("SELECT 'counted', count(*) FROM shop_items")
        time.sleep(0.5)
    out, err = child.communicate(timeout=60)
    connection.close()
    assert child.returncode == 0, err
    document = json.loads(out)
    calls = {one["statement"]: one["calls"] for one in document["database"]["statements"]}
    assert calls["select ?, count(*) from shop_items"] == 57
    assert "somebody" in {one["application"] for one in document["database"]["connections"]["states"]}
    assert document["load"] is None and document["interrupted"] is False
    assert document["absent"][0].startswith("requests: none were recorded")
    assert document["hidden"] == []


def observing(shop: Shop) -> list[tuple[object, ...]]:
    return run(shop.owner_dsn, "SELECT pid FROM pg_stat_activity WHERE application_name = 'lab-observer'")


def test_its_sessions_cannot_write(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPASSWORD", shop.password)
    session = Session(shop.looker_dsn, shop.looker_dsn.rpartition("/")[2], anyone=True)
    with pytest.raises(psycopg2.errors.ReadOnlySqlTransaction):
        session._cursor.execute("CREATE TABLE written (n int)")
    session.close()


def test_a_role_without_rights_works_and_what_it_may_not_see_is_named(shop: Shop, home: Path) -> None:
    connection = psycopg2.connect(shop.owner_dsn, application_name="somebody")
    child = begun(home, "observe", "--dsn", shop.stranger_dsn, "--seconds", "2", "--json", password=shop.password)
    out, err = child.communicate(timeout=60)
    connection.close()
    assert child.returncode == 0, err
    document = json.loads(out)
    states = {(one["application"], one["state"]) for one in document["database"]["connections"]["states"]}
    assert ("somebody", "hidden") in states
    hidden = " ".join(document["hidden"])
    assert len([text for text in document["hidden"] if text.startswith("statements:")]) == 1
    assert "other roles' backends" in hidden and "statements:" in hidden and "pg_monitor would see" in hidden
    assert "hidden" not in set(load(document["folder"])["statements"]["query"])


def test_a_database_without_the_extension_is_recorded_without_statements(
    server: Server, shop: Shop, home: Path, lab: Lab
) -> None:
    with made_database(server, "plain_shop", statements=False):
        dsn = make_dsn(shop.looker_dsn, dbname="plain_shop")  # a role that may not look from elsewhere
        done = lab("observe", "--dsn", dsn, "--seconds", "1", "--json", password=shop.password)
    document = done.document
    assert done.code == 0, done.err
    assert any("no extension pg_stat_statements" in text for text in document["absent"])
    assert document["database"]["statements"] == [] and document["database"]["counters"]["xact_commit"] >= 0
    shown = lab("statements", document["folder"])
    assert shown.code == 0 and "no extension pg_stat_statements" in shown.out


def test_a_server_that_is_not_there_is_one_line(lab: Lab, home: Path) -> None:
    known = folders(home)
    done = lab("observe", "--dsn", f"postgresql://me@127.0.0.1:{free_port(0, 'a test')}/shop", "--seconds", "1")
    assert done.code == 1 and len(done.err.splitlines()) == 1 and "the server cannot be reached" in done.err
    done = lab("observe", "--dsn", "this is no dsn", "--seconds", "1")
    assert done.code == 2 and len(done.err.splitlines()) == 1
    assert folders(home) == known


def test_a_wrong_password_is_one_line_without_it(shop: Shop, lab: Lab) -> None:
    done = lab("observe", "--dsn", shop.looker_dsn, "--seconds", "1", password="quite-wrong")
    assert done.code == 1 and "quite-wrong" not in done.err and "Traceback" not in done.err


@pytest.mark.parametrize(("words", "code"), [([], 0), (["--seconds", "600"], 130)])
def test_ctrl_c_ends_the_record_in_order(words: list[str], code: int, shop: Shop, home: Path) -> None:
    known = folders(home)
    child = begun(home, "observe", "--dsn", shop.looker_dsn, *words, password=shop.password)
    wait_for_start(home, known)
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=60)
    assert child.returncode == code, err
    (folder,) = folders(home) - known
    manifest = record.read_manifest(folder)
    assert manifest.state == "complete" and manifest.own["interrupted"] is True
    assert set(manifest.marks) == {"start", "after"} and len(load(folder)["samples"]) > 0
    assert "stopped before its time" in out
    assert "error" not in err
    if code:
        assert f"stopped before its time; the record {folder.name} is whole" in err


def wait_for_start(home: Path, known: set[Path]) -> Path:
    """Wait until the first look at the counters is on disk, and a sample; return the record's folder."""

    def started() -> bool:
        texts = [file.read_bytes() for file in rows(home, known)]
        return any(b'"mark": "start"' in text and b'"samples"' in text for text in texts)

    assert wait_until(started, 60, every_s=0.05)
    return rows(home, known)[0].parent


def rows(home: Path, known: set[Path]) -> list[Path]:
    return [file for file in (home / "runs").glob("*/observer-[0-9]*.jsonl") if file.parent not in known]


def test_a_killed_observer_leaves_nothing_behind(shop: Shop, home: Path, lab: Lab) -> None:
    known = folders(home)
    child = begun(home, "observe", "--dsn", shop.looker_dsn, password=shop.password)
    folder = wait_for_start(home, known)
    os.kill(child.pid, signal.SIGKILL)
    child.communicate(timeout=20)
    assert wait_until(lambda: not about(folder), 20, every_s=0.2)
    assert wait_until(lambda: not observing(shop), 20, every_s=0.2)
    shown = lab("show", str(folder), "--json")
    assert shown.code == 0 and shown.document["state"].startswith("incomplete")


def test_no_process_shows_the_password(shop: Shop, home: Path) -> None:
    known = folders(home)
    child = begun(home, "observe", "--dsn", shop.looker_dsn, password=shop.password)
    folder = wait_for_start(home, known)
    lines = [" ".join(one.cmdline()) for one in about(folder)]
    child.send_signal(signal.SIGINT)
    child.communicate(timeout=60)
    assert lines and not any(shop.password in line for line in lines)
    assert not any(shop.password.encode() in file.read_bytes() for file in folder.rglob("*"))


def test_a_password_that_a_statement_sets_is_not_recorded(server: Server, home: Path, lab: Lab) -> None:
    with made_database(server, "secret_shop", statements=True) as dsn:
        run(dsn, "CREATE ROLE somebody_secret PASSWORD 'hunter2-typed'")
        run(dsn, "ALTER ROLE somebody_secret PASSWORD /* new */ E'hunter2-typed'")
        run(dsn, "DROP ROLE somebody_secret")
        done = lab("observe", "--dsn", dsn, "--seconds", "1", "--json")
        assert done.code == 0, done.err
        queries = " ".join(load(done.document["folder"])["statements"]["query"].dropna())
        assert "hunter2-typed" not in queries
        assert "ALTER ROLE somebody_secret ... (left out" in queries


def test_it_runs_beside_another_command_of_the_same_home(shop: Shop, home: Path, lab: Lab) -> None:
    known = folders(home)
    child = begun(home, "observe", "--dsn", shop.looker_dsn, password=shop.password)
    folder = wait_for_start(home, known)
    done = lab("run", "--host", shop.url, "--path", "/items/1", "--users", "1", "--seconds", "1", "--json")
    assert done.code == 0, done.err
    assert child.poll() is None
    child.send_signal(signal.SIGINT)
    _, err = child.communicate(timeout=60)
    assert child.returncode == 0, err
    assert record.read_manifest(folder).state == "complete"
    assert folders(home) - known == {folder, Path(done.document["folder"])}
