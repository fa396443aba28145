"""What is counted is known to be reported, or said not to be."""

from collections.abc import Iterator

import psycopg2
import pytest
from psycopg2.extensions import connection as Connection

from lab.errors import ObserverError
from lab.observe.settled import can_flush, flush, unreported, wait_settled
from tests.asking import value

COUNTS = "SELECT n_live_tup || ' live, ' || n_dead_tup || ' dead' FROM pg_stat_user_tables WHERE relname = 't'"
UPDATED = "SELECT n_tup_upd FROM pg_stat_user_tables WHERE relname = 't'"


@pytest.fixture
def worker(database: str) -> Iterator[Connection]:
    """A connection with a table of 10,000 rows, which autovacuum leaves alone."""
    connection = psycopg2.connect(database, application_name="worker")
    connection.autocommit = True
    run(connection, "CREATE TABLE t WITH (autovacuum_enabled = off) AS SELECT n FROM generate_series(1, 10000) AS n")
    yield connection
    connection.close()


@pytest.fixture
def reader(database: str) -> Iterator[Connection]:
    connection = psycopg2.connect(database)
    connection.autocommit = True
    yield connection
    connection.close()


def run(connection: Connection, statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def test_deleted_flushed_and_vacuumed_leaves_no_false_dead_rows(worker: Connection, database: str) -> None:
    flush(worker)
    run(worker, "DELETE FROM t WHERE n <= 5000")
    flush(worker)
    run(worker, "VACUUM t")
    flush(worker)
    assert value(database, COUNTS) == "5000 live, 0 dead"


def test_without_a_flush_the_vacuumed_rows_stand_as_dead(worker: Connection, database: str) -> None:
    for _ in range(5):  # a backend that was held up for a second between the two has reported by itself
        run(worker, "TRUNCATE t; INSERT INTO t SELECT generate_series(1, 10000)")
        flush(worker)
        run(worker, "SELECT 1")  # before 15 it is this that is reported, and what comes within half a second is kept
        run(worker, "DELETE FROM t WHERE n <= 5000")
        run(worker, "VACUUM t")
        flush(worker)
        if value(database, COUNTS) != "5000 live, 0 dead":
            break
    assert value(database, COUNTS) == "0 live, 5000 dead"


def test_an_idle_worker_is_named_until_it_has_reported(worker: Connection, reader: Connection, database: str) -> None:
    for n in range(50):
        run(worker, f"UPDATE t SET n = n WHERE n = {n + 1}")
    assert [one.pid for one in unreported(reader)] == [worker.info.backend_pid]
    flush(worker)
    assert value(database, UPDATED) == 50


def test_an_ended_worker_has_reported(worker: Connection, reader: Connection, database: str) -> None:
    for n in range(50):
        run(worker, f"UPDATE t SET n = n WHERE n = {n + 1}")
    worker.close()
    assert wait_settled(reader) == ()
    assert value(database, UPDATED) == 50


def test_a_worker_that_rests_reports_by_itself_or_is_named(worker: Connection, reader: Connection) -> None:
    run(worker, "UPDATE t SET n = n WHERE n = 1")
    run(worker, "UPDATE t SET n = n WHERE n = 2")
    left = wait_settled(reader, 30.0 if can_flush(reader) else 1.0)
    assert [one.pid for one in left] == ([] if can_flush(reader) else [worker.info.backend_pid])


def test_a_worker_in_a_transaction_is_named(worker: Connection, reader: Connection) -> None:
    run(worker, "BEGIN")
    run(worker, "UPDATE t SET n = n WHERE n = 1")
    (left,) = wait_settled(reader, 0.1)
    assert left.pid == worker.info.backend_pid and "transaction" in left.why
    with pytest.raises(ObserverError, match="inside a transaction"):
        flush(worker)


def test_a_connection_without_autocommit_reports_too(database: str, worker: Connection) -> None:
    run(worker, "UPDATE t SET n = n WHERE n = 1")
    worker.autocommit = False
    flush(worker)
    assert value(database, UPDATED) == 1
