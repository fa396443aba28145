"""Who keeps dead rows, on every major version: VACUUM's own count of them, beside the holder that is named."""

import struct
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import replace
from pathlib import Path

import psycopg
import psycopg2
import pytest
from psycopg.pq import ExecStatus

from lab import config as settings
from lab.analyse.vacuum_log import not_removable
from lab.observe.horizon import holders
from lab.process import wait_until
from lab.record.horizon import Holder
from lab.server.binaries import Binaries
from lab.server.private import Private, private

ROWS = 1000
HBA = ("host replication all 127.0.0.1/32 scram-sha-256",)
SETTINGS = {
    "autovacuum": "off",  # or its own looks would come and go
    "max_prepared_transactions": "5",
    "wal_level": "logical",
    "max_wal_senders": "5",
    "max_replication_slots": "5",
}
Hold = Callable[[Private], AbstractContextManager[int | None]]


@pytest.fixture(scope="module")
def server(programs: Binaries, open_folder: Path) -> Iterator[Private]:
    """A server that replicates: it lets standbys in and keeps what logical slots need."""
    config = replace(settings.read({"LAB_HOME": str(open_folder / "horizon")}), pg_bin=programs.bin_dir)
    with private(config, settings=SETTINGS, hba=HBA) as made:
        with made.owner() as connection, connection.cursor() as cursor:
            cursor.execute("CREATE DATABASE app")
            cursor.execute("CREATE DATABASE other")
        with made.owner("app") as connection, connection.cursor() as cursor:
            cursor.execute("CREATE TABLE touched (id int)")
        with made.owner("other") as connection, connection.cursor() as cursor:
            cursor.execute("CREATE TABLE touched (id int)")
        yield made


@contextmanager
def session(server: Private, *statements: str, database: str = "app") -> Iterator[int | None]:
    with closing(psycopg2.connect(server.dsn(database=database))) as connection:
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
        yield connection.info.backend_pid


def reader(server: Private) -> AbstractContextManager[int | None]:
    return session(server, "SELECT count(*) FROM touched")


def writer(server: Private) -> AbstractContextManager[int | None]:
    return session(server, "INSERT INTO touched VALUES (1)")


def repeatable(server: Private) -> AbstractContextManager[int | None]:
    return session(server, "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ", "SELECT count(*) FROM touched")


def cursor_open(server: Private) -> AbstractContextManager[int | None]:
    return session(server, "DECLARE c CURSOR FOR SELECT id FROM touched", "FETCH 1 FROM c")


def elsewhere(server: Private) -> AbstractContextManager[int | None]:
    return session(server, "INSERT INTO touched VALUES (1)", "DECLARE c CURSOR FOR SELECT 1", database="other")


@contextmanager
def prepared(server: Private) -> Iterator[int | None]:
    with session(server, "INSERT INTO touched VALUES (1)", "PREPARE TRANSACTION 'left'"):
        pass
    try:
        yield None
    finally:
        with server.owner("app") as connection, connection.cursor() as cursor:
            cursor.execute("ROLLBACK PREPARED 'left'")


@contextmanager
def logical_slot(server: Private) -> Iterator[int | None]:
    with slot(server, "SELECT pg_create_logical_replication_slot('logical', 'pgoutput')", "logical"):
        yield None


@contextmanager
def slot(server: Private, make: str, name: str) -> Iterator[None]:
    with server.owner("app") as connection, connection.cursor() as cursor:
        cursor.execute(make)
        try:
            yield
        finally:
            cursor.execute("SELECT pg_drop_replication_slot(%s)", (name,))


@contextmanager
def standby(server: Private, of_slot: str = "") -> Iterator[int | None]:
    """What a standby with hot_standby_feedback says while one of its queries is open, without the standby."""
    dsn = server.dsn() + "&replication=true&application_name=away"
    connection = psycopg.pq.PGconn.connect(dsn.encode())
    with server.owner() as owner, owner.cursor() as cursor:
        cursor.execute("SELECT pg_current_wal_lsn(), txid_snapshot_xmin(txid_current_snapshot())")
        lsn, xmin = cursor.fetchone() or ("", 0)
        began = connection.exec_(f"START_REPLICATION {of_slot} PHYSICAL {lsn}".encode())
        assert began.status == ExecStatus.COPY_BOTH, connection.error_message
        connection.put_copy_data(struct.pack("!cqIIII", b"h", 0, xmin % 2**32, xmin >> 32, 0, 0))
        connection.flush()
        pid = connection.backend_pid
        column = "xmin FROM pg_replication_slots" if of_slot else "backend_xmin FROM pg_stat_replication"

        def heard() -> bool:
            cursor.execute(f"SELECT {column} LIMIT 1")
            return (cursor.fetchone() or (None,))[0] is not None

        assert wait_until(heard, timeout_s=30, every_s=0.05)
        try:
            yield pid
        finally:
            connection.finish()
            wait_until(lambda: not _listed(cursor, pid), timeout_s=30, every_s=0.05)


def _listed(cursor: psycopg2.extensions.cursor, pid: int) -> bool:
    cursor.execute("SELECT FROM pg_stat_activity WHERE pid = %s", (pid,))
    return cursor.rowcount > 0


@contextmanager
def slot_of_a_standby(server: Private) -> Iterator[int | None]:
    """The standby has gone, and its slot remembers what it needed."""
    with slot(server, "SELECT pg_create_physical_replication_slot('physical', true)", "physical"):
        with standby(server, "SLOT physical"):
            pass
        yield None


CASES: dict[str, tuple[Hold, int, tuple[str, str] | None]] = {
    "READ COMMITTED that has read": (reader, 0, None),
    "READ COMMITTED that has written": (writer, ROWS, ("session", "backend_xid")),
    "REPEATABLE READ that has read": (repeatable, ROWS, ("session", "backend_xmin")),
    "an open cursor": (cursor_open, ROWS, ("session", "backend_xmin")),
    "a prepared transaction": (prepared, ROWS, ("prepared transaction", "transaction")),
    "a transaction in another database": (elsewhere, 0, None),
    "a standby's query": (standby, ROWS, ("standby", "backend_xmin")),
    "a slot whose standby is gone": (slot_of_a_standby, ROWS, ("slot", "xmin")),
    "a logical slot": (logical_slot, 0, None),
}


@pytest.mark.parametrize("case", CASES)
def test_a_holder_keeps_all_dead_rows_or_none_and_is_named(server: Private, case: str) -> None:
    hold, left, named = CASES[case]
    with server.owner("app") as connection, connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS dies")
        cursor.execute("CREATE TABLE dies AS SELECT n AS id FROM generate_series(1, %s) AS n", (ROWS,))
        with hold(server) as pid:
            cursor.execute("UPDATE dies SET id = id + 1")
            cursor.execute("VACUUM (VERBOSE) dies")
            assert not_removable("\n".join(connection.notices)) == left
            found = holders(connection).of("app")
            assert (found[0].kind, found[0].by) == named if named else not found
            assert pid is None or not found or found[0].pid == pid
            assert all(one.xid_age > 0 for one in found)
        assert wait_until(lambda: not holders(connection).of("app"), timeout_s=30, every_s=0.05)


def test_a_logical_slot_holds_the_catalogs_alone(server: Private) -> None:
    with logical_slot(server), server.owner("app") as connection:
        (found,) = holders(connection).of("app", catalog=True)
        assert (found.name, found.by, found.catalogs_only) == ("logical", "catalog_xmin", True)


def test_a_transaction_of_another_database_is_listed_and_is_not_of_this_one(server: Private) -> None:
    with elsewhere(server) as pid, server.owner("app") as connection:
        found = holders(connection)
        assert [one.pid for one in found.of("other")] == [pid]
        assert found.of("app") == () and [one.pid for one in found.of("app", shared=True)] == [pid]


def test_what_sessions_do_that_the_role_may_not_see_is_counted(server: Private) -> None:
    server.add_role("nobody_in_particular")
    with writer(server), closing(psycopg2.connect(server.dsn("nobody_in_particular", "app"))) as connection:
        connection.autocommit = True
        found = holders(connection)
        assert found.unseen > 0
        # that it holds is told to everybody; who it is and since when, is not
        assert [(one.by, one.since, one.state) for one in found.of("app")] == [("backend_xid", None, "")]


def test_the_oldest_holder_is_the_first(server: Private) -> None:
    with writer(server) as first, writer(server) as second, server.owner("app") as connection:
        found: tuple[Holder, ...] = holders(connection).of("app")
        assert [one.pid for one in found] == [first, second]
        assert found[0].since is not None and found[0].state == "idle in transaction"


def test_a_vacuum_does_not_hold_the_horizon(server: Private) -> None:
    with server.owner("app") as connection, connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS dies")
        cursor.execute("CREATE TABLE dies AS SELECT n AS id FROM generate_series(1, 100000) AS n")
        cursor.execute("DELETE FROM dies")
        slow = psycopg.connect(server.dsn(database="app"), autocommit=True)
        slow.execute("SET vacuum_cost_delay = 100")
        slow.execute("SET vacuum_cost_limit = 1")
        pid = slow.info.backend_pid
        slow.pgconn.send_query(b"VACUUM dies")
        try:
            cursor.execute("SELECT 1")
            assert wait_until(lambda: _vacuums(cursor, pid), timeout_s=30, every_s=0.02)
            time.sleep(0.2)
            assert not [one for one in holders(connection).of("app") if one.pid == pid]
            assert _vacuums(cursor, pid)
        finally:
            cursor.execute("SELECT pg_terminate_backend(%s)", (pid,))
            slow.close()


def _vacuums(cursor: psycopg2.extensions.cursor, pid: int) -> bool:
    cursor.execute("SELECT FROM pg_stat_progress_vacuum WHERE pid = %s", (pid,))
    return cursor.rowcount > 0
