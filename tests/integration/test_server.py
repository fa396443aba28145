"""The embedded server's life: made, started, found again, broken, mended, reset."""

import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import psycopg2
import pytest

from lab import config as settings
from lab import process
from lab import server as servers
from lab.config import Config
from lab.errors import BusyError, ServerError, UsageError
from lab.observe.autovacuum import look
from lab.observe.connection import connected
from lab.server import Server, build, cluster
from lab.server.layout import locate
from tests.asking import value


def _kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    assert process.wait_until(lambda: not psutil.pid_exists(pid), 10)


@pytest.fixture(scope="module")
def untouched(open_folder: Path) -> Iterator[Server]:
    """A server of this module's own: other tests write to the session's."""
    with servers.running(settings.read({"LAB_HOME": str(open_folder / "untouched")})) as running:
        yield running


ROWS = {"users": 100, "posts": 1000, "comments": 5000, "tags": 20, "post_tags": 3000, "sessions": 0}


@pytest.mark.parametrize(("table", "rows"), ROWS.items())
def test_the_small_blog_has_its_rows(untouched: Server, table: str, rows: int) -> None:
    assert value(
        untouched.observer_dsn.replace("/postgres?", "/lab?"),
        f"SELECT reltuples::int FROM pg_class WHERE relname = '{table}'",
    ) in (rows, -1)
    assert value(untouched.owner_dsn, f"SELECT count(*) FROM {table}") == rows


def test_the_rows_are_the_same_every_time(untouched: Server) -> None:
    digest = "SELECT md5(string_agg(p::text, '|' ORDER BY id)) FROM (SELECT id, author_id, title, body FROM posts) AS p"
    assert value(untouched.owner_dsn, digest) == "e032704e343ce940f25c17384ca82a8f"
    assert value(untouched.owner_dsn, "SELECT count(*) FROM posts WHERE body LIKE '%river%'") == 199


def test_new_rows_follow_the_loaded_keys(untouched: Server) -> None:
    assert value(untouched.app_dsn, "SELECT last_value FROM posts_id_seq") == untouched.keys["post"] == 1000
    assert untouched.keys["user"] == 100


def test_nothing_is_left_for_autovacuum(untouched: Server) -> None:
    frozen = "SELECT sum(relallvisible) = sum(relpages) FROM pg_class WHERE relname IN ('posts', 'comments', 'users')"
    assert value(untouched.owner_dsn, frozen) is True


def test_no_count_arrives_after_the_vacuum(untouched: Server) -> None:
    with connected(untouched.owner_dsn) as connection:
        seen = look(connection)
    blog = [table for table in seen.tables if table.schema == "public"]
    assert [(table.inserted_rows, table.changed_rows) for table in blog] == [(0, 0)] * len(ROWS)


def test_extensions_are_where_they_are_needed(untouched: Server) -> None:
    names = "SELECT string_agg(extname, ',' ORDER BY extname) FROM pg_extension WHERE extname LIKE 'pg%'"
    assert value(untouched.owner_dsn, names) == "pg_stat_statements,pgstattuple"
    assert value(untouched.observer_dsn, names) == "pg_stat_statements"


def test_what_ensure_starts_stays_and_is_found_again(own_config: Config) -> None:
    assert servers.status(own_config).state == "missing"
    first, second = servers.ensure(own_config), servers.ensure(own_config)
    assert (first.pid, first.port) == (second.pid, second.port)
    status = servers.status(own_config)
    assert (status.state, status.pid, status.version, status.size) == ("running", first.pid, first.version, "small")
    with servers.running(own_config) as lent:
        assert lent.pid == first.pid
    assert servers.status(own_config).state == "running"
    assert servers.stop(own_config)
    assert servers.status(own_config).state == "stopped"
    assert not servers.stop(own_config)


def test_running_stops_what_it_started(own_config: Config) -> None:
    with servers.running(own_config) as server:
        assert servers.status(own_config).state == "running"
    assert not psutil.pid_exists(server.pid or 0)
    assert servers.status(own_config).state == "stopped"


def test_reset_restores_the_data_and_the_port(own_config: Config) -> None:
    with servers.running(own_config) as server:
        value(server.owner_dsn, "DROP TABLE comments; UPDATE posts SET views = 7; CREATE TABLE mine (i int)")
        again = servers.reset(own_config)
        assert again is not None
        assert (again.port, again.owner_dsn) == (server.port, server.owner_dsn)
        assert value(server.owner_dsn, "SELECT count(*) FROM comments") == 5000
        assert value(server.owner_dsn, "SELECT sum(views) FROM posts") == 0
        assert value(server.owner_dsn, "SELECT to_regclass('mine')") is None
    assert servers.status(own_config).state == "stopped"
    assert servers.reset(own_config) is None


def test_a_killed_server_recovers_with_its_committed_rows(own_config: Config) -> None:
    server = servers.ensure(own_config)
    value(server.app_dsn, "INSERT INTO tags (name) VALUES ('kept')")
    _kill(server.pid or 0)
    assert servers.status(own_config).state == "stopped"
    again = servers.ensure(own_config)
    assert again.pid != server.pid
    assert value(again.app_dsn, "SELECT count(*) FROM tags WHERE name = 'kept'") == 1


def test_a_pid_that_now_is_another_programs_is_no_obstacle(own_config: Config) -> None:
    servers.reset(own_config)
    where = locate(own_config)
    stranger = subprocess.Popen(["sleep", "60"])
    try:
        text = f"{stranger.pid}\n{where.data}\n1\n5432\n/tmp\n127.0.0.1\n  1 2\nready\n"
        cluster.accounts.write_file(where.data / "postmaster.pid", text, where.account)
        assert servers.status(own_config).state == "stopped"
        assert not servers.stop(own_config)
        assert servers.ensure(own_config).pid != stranger.pid
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_server_whose_note_is_lost_is_taken_over_and_stopped(own_config: Config) -> None:
    server = servers.ensure(own_config)
    note = own_config.home / "server.json"
    note.unlink()
    assert servers.ensure(own_config).pid == server.pid
    assert json.loads(note.read_text())["leash_pid"] > 0
    note.write_text("{ damaged")
    assert servers.stop(own_config)
    assert not psutil.pid_exists(server.pid or 0)


def test_the_server_ends_with_a_holder_that_is_killed(own_config: Config) -> None:
    program = f"""
        import time
        from dataclasses import replace
        from pathlib import Path
        from lab import config, server
        with server.running(config.read({{"LAB_HOME": {str(own_config.home)!r}}})) as lent:
            print(lent.pid, flush=True)
            time.sleep(60)
    """
    holder = subprocess.Popen([sys.executable, "-c", textwrap.dedent(program)], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout is not None
        pid = int(holder.stdout.readline())
        with pytest.raises(BusyError, match=f"pid {holder.pid}"):
            servers.ensure(own_config)
        with pytest.raises(BusyError, match=f"pid {holder.pid}"):
            servers.reset(own_config)
    finally:
        holder.kill()
        holder.communicate()
    assert process.wait_until(lambda: not psutil.pid_exists(pid), 10)
    assert servers.status(own_config).state == "stopped"


def test_a_half_made_database_is_made_again(own_config: Config) -> None:
    where = locate(own_config)
    for left in (where.templates / "part-18-small", where.root / "part-data"):
        left.mkdir()
        (left / "PG_VERSION").write_text("18\n")
    server = servers.ensure(own_config)
    assert value(server.owner_dsn, "SELECT count(*) FROM posts") == 1000
    assert not list(where.root.glob("part-*")) + list(where.templates.glob("part-*"))


def test_data_of_another_version_are_refused_and_kept(own_config: Config) -> None:
    where = locate(own_config)
    servers.reset(own_config)
    (where.data / "PG_VERSION").write_text("14\n")
    for attempt in (servers.ensure, servers.reset):
        with pytest.raises(ServerError, match=r"of PostgreSQL 14, the programs found are 18.*reset --fresh") as caught:
            attempt(own_config)
        assert "\n" not in str(caught.value)
    assert (where.data / "base").is_dir()
    assert servers.status(own_config).state == "foreign"


def test_data_that_lost_their_passwords_are_refused(own_config: Config) -> None:
    servers.reset(own_config)
    (own_config.home / "passfile").unlink()
    with pytest.raises(ServerError, match=r"passwords.*are lost.*reset --fresh"):
        servers.ensure(own_config)


def test_another_size_is_refused_until_the_reset(server: Server, server_config: Config) -> None:
    with pytest.raises(ServerError, match="size small, LAB_SIZE is medium; run `lab reset`"):
        servers.ensure(replace(server_config, size="medium"))


def test_another_version_than_the_running_one_is_refused(server: Server, server_config: Config, tmp_path: Path) -> None:
    for name in ("initdb", "postgres"):
        (tmp_path / name).write_text("#!/bin/sh\necho 'postgres (PostgreSQL) 16.4'\n")
        (tmp_path / name).chmod(0o755)
    with pytest.raises(ServerError, match=r"of PostgreSQL 18, the programs found are 16\.4"):
        servers.ensure(replace(server_config, pg_bin=tmp_path))


def test_a_taken_port_is_refused_by_its_holders_name(own_config: Config) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(UsageError, match=f"port {taken.getsockname()[1]}.*pid {os.getpid()}.*LAB_PORT"):
            servers.ensure(replace(own_config, port=taken.getsockname()[1]))


def test_the_port_that_is_asked_for_is_used(own_config: Config) -> None:
    port = process.free_port(0, "LAB_PORT")
    fixed = replace(own_config, port=port)
    assert servers.ensure(fixed).port == port
    again = servers.reset(fixed)
    assert again is not None
    assert again.port == port
    with pytest.raises(UsageError, match=f"runs on port {port}, LAB_PORT is {port + 1}"):
        servers.ensure(replace(own_config, port=port + 1))


def test_a_lost_race_for_the_port_takes_another(own_config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    servers.reset(own_config)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        answers = iter([taken.getsockname()[1], process.free_port(0, "LAB_PORT")])
        monkeypatch.setattr(process, "free_port", lambda wanted, name: next(answers))
        assert servers.ensure(own_config).port != taken.getsockname()[1]


def test_a_setting_that_postgres_refuses_is_told_in_one_line(
    own_config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    servers.reset(own_config)
    monkeypatch.setattr(cluster.conf, "effective", lambda major: "max_connections = many\n")
    with pytest.raises(ServerError, match=r"did not start: .*max_connections") as caught:
        servers.ensure(own_config)
    assert "\n" not in str(caught.value)
    assert servers.status(own_config).state == "stopped"


def test_a_failed_load_leaves_nothing(make_config: Callable[..., Config], monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise psycopg2.errors.DiskFull("could not extend file: No space left on device\nHINT: Check free disk space.")

    monkeypatch.setattr(build, "fill", full)
    config = make_config()
    with pytest.raises(ServerError, match=r"No space left on device.*free some space") as caught:
        servers.ensure(config)
    assert "\n" not in str(caught.value)
    where = locate(config)
    assert list(where.templates.iterdir()) == []
    assert not where.data.exists()


def test_too_little_space_is_told_before_the_work(
    make_config: Callable[..., Config], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(build.NEEDED_BYTES, "small", 10**18)
    with pytest.raises(ServerError, match="free, size small needs"):
        servers.ensure(make_config())


def test_fresh_makes_new_passwords_and_replaces_foreign_data(own_config: Config) -> None:
    where = locate(own_config)
    servers.reset(own_config)
    before = where.passfile.find("127.0.0.1", "*", "lab_app")
    (where.data / "PG_VERSION").write_text("14\n")
    assert servers.reset(own_config, fresh=True) is None
    assert where.passfile.find("127.0.0.1", "*", "lab_app") != before
    assert value(servers.ensure(own_config).app_dsn, "SELECT count(*) FROM posts") == 1000


def test_the_doctor_finds_nothing_wrong(server: Server, server_config: Config) -> None:
    checks = servers.doctor(server_config)
    assert [check for check in checks if not check.ok] == []
    assert {"home", "disk", "programs", "port"} <= {check.name for check in checks}


def test_the_doctor_names_what_is_wrong(make_config: Callable[..., Config], tmp_path: Path) -> None:
    config = make_config(pg_bin=tmp_path, port=1)
    wrong = {check.name: check.text for check in servers.doctor(config) if not check.ok}
    assert "LAB_PG_BIN" in wrong["programs"]
    assert all("\n" not in text for text in wrong.values())
