"""A private server of each major version that is at hand; `make test-matrix` has all of 13 to 18."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psycopg2
import pytest

from lab import config as settings
from lab.errors import ServerError
from lab.server import binaries
from lab.server.binaries import Binaries
from lab.server.private import Private, private

SETTINGS = {
    "shared_preload_libraries": "pg_stat_statements,auto_explain",
    "autovacuum": "on",
    "autovacuum_naptime": "1s",
    "log_autovacuum_min_duration": "0",
    "max_prepared_transactions": "10",
    "max_connections": "60",
    "wal_level": "replica",
    "max_wal_senders": "4",
    "max_replication_slots": "4",
    "track_io_timing": "on",
}
EXTENSIONS = ("pg_stat_statements", "pgstattuple")


def at_hand() -> list[Binaries]:
    """The majors that LAB_TEST_PG_BINS names (folders, with colons between); else the wheel's, and the system's."""
    named = [Path(text) for text in os.environ.get("LAB_TEST_PG_BINS", "").split(":") if text]
    if named:
        return [binaries.find(folder) for folder in named]
    found = {one.major: one for one in [*_system(), binaries.find(None)]}
    return [found[major] for major in sorted(found)]


def _system() -> list[Binaries]:
    try:
        return [binaries.find_system()]
    except ServerError:
        return []


@pytest.fixture(scope="session", params=at_hand(), ids=lambda one: f"pg{one.major}")
def programs(request: pytest.FixtureRequest) -> Binaries:
    """The programs of one major version after the other."""
    return request.param


@pytest.fixture(scope="session")
def any_server(programs: Binaries, open_folder: Path) -> Iterator[Private]:
    """A server of the version: autovacuum looks every second, prepared transactions and slots are allowed."""
    config = settings.read({"LAB_HOME": str(open_folder / f"lab{programs.major}")})
    with private(replace(config, pg_bin=programs.bin_dir), settings=SETTINGS) as server:
        assert server.major == programs.major
        yield server


@pytest.fixture(scope="session")
def still_server(programs: Binaries, open_folder: Path) -> Iterator[Private]:
    """A server without autovacuum, for exact counts of dead rows: the snapshot of its ANALYZE would keep some."""
    config = settings.read({"LAB_HOME": str(open_folder / f"still{programs.major}")})
    asked = SETTINGS | {"autovacuum": "off"}
    with private(replace(config, pg_bin=programs.bin_dir), settings=asked) as server:
        yield server


@pytest.fixture
def database(any_server: Private) -> Iterator[str]:
    """The owner's DSN of a new, empty database with the extensions; it is dropped at the end."""
    with _database(any_server) as dsn:
        yield dsn


@pytest.fixture
def still_database(still_server: Private) -> Iterator[str]:
    """As *database*, on the server without autovacuum."""
    with _database(still_server) as dsn:
        yield dsn


@contextmanager
def _database(on: Private) -> Iterator[str]:
    name = f"test_{secrets.token_hex(4)}"
    with on.owner() as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name}")
    dsn = on.dsn(database=name)
    with on.owner(name) as connection, connection.cursor() as cursor:
        for extension in EXTENSIONS:
            cursor.execute(f"CREATE EXTENSION {extension}")
    yield dsn
    with on.owner() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT gid FROM pg_prepared_xacts WHERE database = %s", (name,))
        for (gid,) in cursor.fetchall():
            _forget(dsn, gid)
        cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")


def _forget(dsn: str, gid: str) -> None:
    """A prepared transaction would keep its database from being dropped."""
    connection = psycopg2.connect(dsn)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("ROLLBACK PREPARED %s", (gid,))
    connection.close()
