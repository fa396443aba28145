"""Known answers about the server's counters, on every version."""

import json
import os
import signal
import threading
from collections.abc import Iterator
from itertools import product

import psutil
import psycopg2
import pytest
from psycopg2.extensions import connection as Connection

from lab import config as settings
from lab import process
from lab.analyse.delta import Delta, between
from lab.cli.main import run as lab
from lab.errors import ServerError
from lab.observe.settled import flush
from lab.observe.statistics import Reader, reading, take, take_again
from lab.server.binaries import Binaries
from lab.server.private import SCRAM, Private, private

ASKED = "SELECT width_bucket(n, 0, 10, 5) FROM t WHERE n = 7"


@pytest.fixture
def worker(database: str) -> Iterator[Connection]:
    """A connection with a table of 100 rows and an index, which autovacuum leaves alone."""
    connection = psycopg2.connect(database, application_name="worker")
    connection.autocommit = True
    run(connection, "CREATE TABLE t WITH (autovacuum_enabled = off) AS SELECT n, 0 AS m FROM generate_series(1, 100) n")
    run(connection, "CREATE INDEX t_n ON t (n)")
    flush(connection)
    yield connection
    connection.close()


@pytest.fixture
def reader(database: str) -> Iterator[Reader]:
    with reading(database) as one:
        yield one


def run(connection: Connection, statement: str, times: int = 1) -> None:
    with connection.cursor() as cursor:
        for _ in range(times):
            cursor.execute(statement)


def calls(delta: Delta, part: str = "width_bucket") -> list[int | None]:
    return [one.calls for one in delta.statements.statements if part in one.query]


def test_as_many_executions_as_were_made_are_counted(worker: Connection, reader: Reader) -> None:
    run(worker, ASKED, 3)
    before = reader.take()
    run(worker, ASKED, 20)
    run(worker, "UPDATE t SET m = m + 1 WHERE n <= 30")
    flush(worker)
    delta = between(before, reader.take())
    assert calls(delta) == [20]
    (asked,) = [one for one in delta.statements.statements if "width_bucket" in one.query]
    assert (asked.rows, asked.kind) == (20, "query") and asked.blocks and asked.stddev_exec_ms is not None
    table = delta.table("t")
    assert (table.counts["n_tup_upd"], table.counts["n_tup_del"]) == (30, 0)
    assert table.after.n_dead_tup == 30 and table.after.heap_bytes


def test_an_index_is_counted_with_its_table(worker: Connection, reader: Reader) -> None:
    run(worker, "SET enable_seqscan = off")
    flush(worker)
    before = reader.take()
    run(worker, ASKED, 20)
    flush(worker)
    delta = between(before, reader.take())
    (index,) = [one for one in delta.indexes if one.after.name == "t_n"]
    assert (index.counts["idx_scan"], delta.table("t").counts["idx_scan"]) == (20, 20)
    assert index.after.index_bytes and index.after.table == "t"


def test_a_toast_table_is_known_by_its_table(worker: Connection, reader: Reader) -> None:
    run(worker, "CREATE TABLE long AS SELECT 1 AS n, ''::text AS filler")
    run(worker, "ALTER TABLE long ALTER filler SET STORAGE EXTERNAL")
    flush(worker)
    before = reader.take()
    run(worker, "INSERT INTO long VALUES (2, repeat('x', 10000))")
    flush(worker)
    delta = between(before, reader.take())
    assert delta.table("long").counts["n_tup_ins"] == 1
    assert delta.table("long", toast=True).counts["n_tup_ins"] > 1


def test_a_worker_that_has_not_reported_makes_the_delta_unsettled(worker: Connection, reader: Reader) -> None:
    before = reader.take()
    run(worker, "SELECT 1")
    run(worker, "UPDATE t SET m = 1 WHERE n = 1")
    delta = between(before, reader.take())
    assert not delta.settled
    assert any(f"pid {worker.info.backend_pid} (worker)" in note for note in delta.notes)
    worker.close()
    after = reader.take(settle_s=20)
    assert after.settled and between(before, after).table("t").counts["n_tup_upd"] == 1


def test_after_a_reset_of_the_statements_they_are_unknown(worker: Connection, reader: Reader) -> None:
    run(worker, ASKED, 3)
    before = reader.take()
    run(worker, "SELECT pg_stat_statements_reset()")
    run(worker, ASKED, 2)
    delta = between(before, reader.take())
    assert calls(delta) == [None] and "reset" in delta.statements.why
    assert delta.table("t").counts["n_tup_upd"] == 0


def test_a_single_statement_that_was_reset_is_unknown_alone_where_each_is_dated(
    worker: Connection, reader: Reader
) -> None:
    run(worker, ASKED, 3)
    run(worker, "SELECT cot(1)", 3)
    before = reader.take()
    here = "dbid = (SELECT oid FROM pg_database WHERE datname = current_database())"
    found = f"FROM pg_stat_statements WHERE query LIKE 'SELECT width_bucket%' AND {here}"
    run(worker, f"SELECT pg_stat_statements_reset(userid, dbid, queryid) {found}")
    run(worker, ASKED, 2)
    run(worker, "SELECT cot(1)", 2)
    delta = between(before, reader.take())
    asked = [found.calls for found in delta.statements.statements if found.query.startswith("SELECT width_bucket")]
    # before 17 it may have been the whole database, and the other called more often since
    assert asked == [None] and calls(delta, "cot") == [2 if before.version >= 170000 else None]


@pytest.mark.parametrize("what", ["", "0, (SELECT oid FROM pg_database WHERE datname = current_database()), 0"])
def test_what_grew_beyond_its_count_after_a_reset_is_unknown(worker: Connection, reader: Reader, what: str) -> None:
    run(worker, ASKED, 5)
    run(worker, "SELECT cot(1)")
    before = reader.take()
    run(worker, f"SELECT pg_stat_statements_reset({what})")
    run(worker, "SELECT cot(1)", 3)
    # a difference of the counters would be two calls
    assert set(calls(between(before, reader.take()), "cot")) == {None}


def test_one_statement_that_grew_beyond_its_count_after_its_reset_is_unknown(
    worker: Connection, reader: Reader
) -> None:
    run(worker, ASKED, 5)
    before = reader.take()
    run(worker, ASKED, 4)
    found = "FROM pg_stat_statements WHERE query LIKE 'SELECT width_bucket%' AND dbid = "
    run(worker, f"SELECT pg_stat_statements_reset(0, 0, queryid) {found}{before.datid}")
    run(worker, ASKED, 30)
    delta = between(before, reader.take())
    asked = [found.calls for found in delta.statements.statements if found.query.startswith("SELECT width_bucket")]
    # a difference of the counters would be 25 calls, and 34 were made
    assert asked == [None] and delta.statements.complete is None


def test_only_where_each_is_dated_statements_are_complete(worker: Connection, reader: Reader) -> None:
    before = reader.take()
    run(worker, ASKED, 5)
    after = reader.take()
    assert between(before, after).statements.complete is (True if after.version >= 170000 else None)


def test_a_statement_that_runs_all_the_time_is_named(database: str, worker: Connection, reader: Reader) -> None:
    sleep = "DO $$ BEGIN PERFORM pg_sleep(60); EXCEPTION WHEN query_canceled THEN NULL; END $$"
    running = threading.Thread(target=run, args=(worker, sleep), daemon=True)
    running.start()
    assert process.wait_until(lambda: bool(reader.take().running), timeout_s=20)
    delta = between(reader.take(), reader.take())
    worker.cancel()
    running.join()
    assert any("1 statement was running all the time" in note for note in delta.statements.notes)


class Disturbed(Reader):
    """Somebody resets while it looks, in its first *times* looks: when the database's counters have been read."""

    def __init__(self, dsn: str, reset: str, times: int) -> None:
        self.connection = psycopg2.connect(dsn)
        self.connection.autocommit = True
        self.reset, self.times = reset, times
        super().__init__(self.connection)

    def _statements(self):
        if self.times:
            self.times -= 1
            run(self.connection, self.reset)
            flush(self.connection)
        return super()._statements()


def test_a_look_during_which_the_statements_were_reset_is_taken_again(
    database: str, worker: Connection, reader: Reader
) -> None:
    run(worker, ASKED, 3)
    before = Disturbed(database, "SELECT pg_stat_statements_reset()", 1).take()
    run(worker, ASKED, 5)
    # 13 dates no reset, and has read the statements after it
    assert calls(between(before, reader.take())) == [5] and before.hidden == ()


def test_a_look_during_which_the_database_was_reset_is_taken_again(
    database: str, worker: Connection, reader: Reader
) -> None:
    run(worker, ASKED, 3)
    flush(worker)
    before = Disturbed(database, "SELECT pg_stat_reset()", 1).take()
    run(worker, ASKED, 2)
    flush(worker)
    delta = between(before, reader.take())
    counts = delta.table("t").counts
    assert counts["seq_scan"] + counts["idx_scan"] == 2 and before.hidden == ()
    assert delta.transactions is not None and delta.transactions < 100


def test_a_look_that_was_disturbed_each_time_says_so_and_gives_no_difference(
    database: str, worker: Connection, reader: Reader
) -> None:
    run(worker, ASKED, 3)
    disturbed = Disturbed(database, "SELECT pg_stat_reset()", 99)
    before = disturbed.take()
    flush(worker)
    delta = between(before, reader.take())
    assert disturbed.times == 96 and any("database_reset changed" in what for what in before.hidden)
    assert delta.transactions is None and delta.table("t").counts["seq_scan"] is None
    assert "while it was looked at" in str(before.began.database_reset)


def test_after_a_reset_of_the_database_the_tables_are_unknown(worker: Connection, reader: Reader) -> None:
    run(worker, ASKED, 3)
    before = reader.take()
    run(worker, "SELECT pg_stat_reset()")
    run(worker, ASKED, 2)
    flush(worker)
    delta = between(before, reader.take())
    assert delta.table("t").counts["seq_scan"] is None and delta.transactions is None
    assert calls(delta) == [2]


@pytest.fixture(scope="module")
def small(programs: Binaries) -> Iterator[Private]:
    """A server of the version with room for a hundred statements, which may be crashed."""
    config = settings.read({"LAB_PG_BIN": str(programs.bin_dir)})
    asked = {"shared_preload_libraries": "pg_stat_statements", "pg_stat_statements.max": "100", "autovacuum": "off"}
    with private(config, settings=asked) as server:
        with server.owner() as connection:
            run(connection, "CREATE EXTENSION pg_stat_statements")
        yield server


def crash(server: Private) -> None:
    """An immediate stop: what the server had counted is lost."""
    pid = server.pid
    os.kill(pid, signal.SIGQUIT)
    assert process.wait_until(lambda: not psutil.pid_exists(pid), timeout_s=20)
    server.stop()
    server.start()


def test_after_a_crash_nothing_is_known(small: Private) -> None:
    with small.owner() as connection:
        run(connection, "CREATE TABLE IF NOT EXISTS t AS SELECT 7 AS n")
        run(connection, ASKED, 3)
        flush(connection)
        before = take(connection)
    crash(small)
    with small.owner() as connection:
        run(connection, ASKED, 50)
        flush(connection)
        delta = between(before, take(connection))
    assert calls(delta) == [None] and delta.transactions is None
    assert set(delta.table("t").counts.values()) == {None}
    assert any("crashed" in note for note in delta.notes)


def test_after_the_crash_of_a_backend_nothing_is_known(small: Private) -> None:
    with small.owner() as connection:
        run(connection, "CREATE TABLE IF NOT EXISTS t AS SELECT 7 AS n")
        run(connection, ASKED, 3)
        flush(connection)
        before = take(connection)
        os.kill(connection.info.backend_pid, signal.SIGKILL)
    assert process.wait_until(lambda: answers(small), timeout_s=30)
    with small.owner() as connection:
        run(connection, ASKED, 50)
        flush(connection)
        after = take(connection)
    delta = between(before, after)
    assert after.began.postmaster_start == before.began.postmaster_start
    assert delta.table("t").counts["seq_scan"] is None and any("crashed" in note for note in delta.notes)


def test_a_look_that_a_crash_falls_into_ends_with_unknown_and_the_reason(small: Private) -> None:
    with reading(small.dsn()) as reader, small.owner() as connection:
        before = reader.take()
        os.kill(connection.info.backend_pid, signal.SIGKILL)
        after = take_again(reader, small.dsn())
    assert "crashed" in between(before, after).statements.why


def test_the_command_says_unknown_after_a_crash(
    small: Private, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with small.owner() as connection:
        run(connection, ASKED.replace("FROM t WHERE n = 7", "FROM generate_series(1, 3) n"), 3)
        looking = type("Looking", (), {"sleep": lambda _: os.kill(connection.info.backend_pid, signal.SIGKILL)})
        monkeypatch.setattr("lab.cli.statements.time", looking)
        assert lab(["statements", "--dsn", small.dsn(), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["complete"] is None and "crashed" in said["notes"][0]
    assert {one["calls"] for one in said["statements"]} == {None}


def answers(server: Private) -> bool:
    """Whether the server lets somebody in: not while it recovers, nor while it still ends its other backends."""
    try:
        with server.owner() as connection:
            run(connection, "SELECT 1")
    except (ServerError, psycopg2.Error):
        return False
    return True


def test_after_an_orderly_restart_the_counts_go_on(small: Private) -> None:
    with small.owner() as connection:
        run(connection, "CREATE TABLE IF NOT EXISTS t AS SELECT 7 AS n")
        run(connection, ASKED, 3)
        flush(connection)
        before = take(connection)
    small.restart()
    with small.owner() as connection:
        run(connection, ASKED, 5)
        flush(connection)
        delta = between(before, take(connection))
    assert calls(delta) == [5] and delta.table("t").counts["seq_scan"] == 5


def test_the_readers_own_transactions_are_left_out(small: Private) -> None:
    with small.owner() as connection, reading(small.dsn()) as reader:
        flush(connection)
        before = reader.take()
        run(connection, "SELECT 1", 20)
        flush(connection)  # two statements of its own
        delta = between(before, reader.take())
    assert (delta.transactions, delta.database["xact_rollback"]) == (22, 0)


def test_where_statements_were_dropped_the_share_that_is_counted_is_told(small: Private) -> None:
    with small.owner() as connection, reading(small.dsn()) as reader:
        before = reader.take()
        for signs in product("+-", repeat=9):  # 512 statements: constants make none
            run(connection, f"SELECT {' '.join(f'1 {sign}' for sign in signs)} 1")
        flush(connection)
        delta = between(before, reader.take())
    if small.major < 14:
        # its reset is not dated either: when all are gone it may have been one
        assert delta.statements.complete is None and delta.statements.notes
        return
    assert delta.statements.complete is False
    assert delta.statements.seen_share is not None and 0.05 < delta.statements.seen_share < 0.4


def test_what_a_plain_role_may_not_see_is_named(small: Private) -> None:
    small.add_role("plain", SCRAM)
    with small.owner() as connection:
        run(connection, "CREATE TABLE IF NOT EXISTS t AS SELECT 7 AS n")
        run(connection, ASKED, 3)
        seen = take(small.dsn("plain"))
        assert not seen.settled and "may not see" in seen.unreported[0].why
    assert any("of other roles" in what for what in seen.hidden)
    assert not [one for one in seen.statements or () if "insufficient" in one.query]


def test_what_others_ran_is_told_to_a_plain_role_as_a_difference(small: Private) -> None:
    small.add_role("onlooker", SCRAM)
    with small.owner() as connection, reading(small.dsn("onlooker")) as reader:
        run(connection, "SELECT pg_stat_statements_reset()")  # room for all
        run(connection, "SELECT 1", 34)
        before = reader.take()
        run(connection, "SELECT 1", 3)
        statements = between(before, reader.take()).statements
    assert statements.complete is None
    assert any("3 calls of them between the looks" in note for note in statements.notes)


def test_a_monitor_sees_what_the_owner_sees(small: Private) -> None:
    small.add_role("monitor", SCRAM)
    with small.owner() as connection:
        run(connection, "GRANT pg_monitor TO monitor")
        run(connection, "CREATE TABLE IF NOT EXISTS t AS SELECT 7 AS n")
        run(connection, ASKED, 3)
    seen = take(small.dsn("monitor"), settle_s=5)
    assert seen.hidden == () and any("width_bucket" in one.query for one in seen.statements or ())


def test_what_a_monitor_asks_itself_is_not_among_what_was_asked(any_server: Private, worker: Connection) -> None:
    any_server.add_role("watcher", SCRAM)
    run(worker, "GRANT pg_monitor TO watcher")
    with reading(any_server.dsn("watcher", database=worker.info.dbname)) as reader:
        before = reader.take()
        run(worker, ASKED, 3)
        run(worker, "BEGIN; COMMIT")
        deltas = between(before, reader.take()).statements
    # it may not switch its own recording off
    assert len(deltas.of_kind("lab")) >= 5
    assert [one.query for one in deltas.of_kind("query") if one.role == "watcher"] == []
    assert {one.query for one in deltas.of_kind("transaction")} == {"BEGIN", "COMMIT"}


def test_a_table_that_somebody_wants_for_himself_has_no_size_and_nobody_waits(
    worker: Connection, reader: Reader
) -> None:
    run(worker, "BEGIN")
    run(worker, "LOCK TABLE t")
    seen = reader.take()
    run(worker, "ROLLBACK")
    assert seen.table("t").heap_bytes is None and reader.take().table("t").heap_bytes


@pytest.mark.parametrize("version", ["1.7", "1.8"])
def test_an_extension_that_is_older_than_its_server_and_elsewhere_is_read(database: str, version: str) -> None:
    connection = psycopg2.connect(database)
    connection.autocommit = True
    run(connection, 'DROP EXTENSION pg_stat_statements; CREATE SCHEMA "Über all"')
    run(connection, f"CREATE EXTENSION pg_stat_statements SCHEMA \"Über all\" VERSION '{version}'")
    before = take(connection)
    run(connection, "SELECT cot(1)", 4)
    delta = between(before, take(connection))
    connection.close()
    (asked,) = [one for one in delta.statements.statements if "cot" in one.query]
    assert asked.calls == 4 and asked.total_exec_ms is not None and asked.total_exec_ms > 0
    assert (asked.wal_bytes is None) == (version == "1.7")


def test_a_database_without_the_extension_says_so_and_tells_the_rest(database: str) -> None:
    connection = psycopg2.connect(database)
    connection.autocommit = True
    run(connection, "DROP EXTENSION pg_stat_statements; CREATE TABLE t AS SELECT 1 AS n")
    seen = take(connection)
    connection.close()
    assert seen.statements is None and any("CREATE EXTENSION" in what for what in seen.hidden)
    assert seen.table("t").heap_bytes


def test_checkpoints_and_wal_are_counted_by_any_name(worker: Connection, reader: Reader) -> None:
    before = reader.take()
    run(worker, "UPDATE t SET m = m + 1")
    run(worker, "CHECKPOINT")
    flush(worker)
    # the checkpointer answers who asked for the checkpoint before it reports it
    assert process.wait_until(
        lambda: between(before, reader.take()).server["checkpoints_requested"] >= 1, timeout_s=20, every_s=0.2
    )
    delta = between(before, reader.take())
    assert delta.server["wal_bytes"] is None if before.version < 140000 else delta.server["wal_bytes"] > 0
