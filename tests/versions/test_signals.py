"""Guarded signals: known answers on every version."""

import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import psycopg2
import pytest
from psycopg2.extensions import connection as Connection

from lab import config as settings
from lab.demonstrate import aiming
from lab.demonstrate.bench import Bench
from lab.observe import activity, signals
from lab.process import wait_until
from lab.record.triage import (
    CHANGED,
    GONE,
    HIDDEN,
    IDLE,
    IN_TRANSACTION,
    NO_CLIENT,
    NOT_ACTIVE,
    NOT_PERMITTED,
    OWN,
    QUERY,
    TRANSACTION,
    Identity,
)
from lab.server.private import SCRAM, Private
from tests.asking import value


@pytest.fixture
def eye(database: str) -> Iterator[Connection]:
    with activity.connected(database) as connection:
        yield connection


@pytest.fixture
def victim(database: str) -> Iterator[Connection]:
    with closing(psycopg2.connect(database, application_name="victim")) as connection:
        yield connection


def aim(eye: Connection, pid: int, kind: str) -> Identity:
    """Wait until the session is at something of this kind, and return what."""
    seen: list[Identity] = []

    def there() -> bool:
        found = signals.target(eye, pid)
        if found and found.identity and found.identity.kind == kind:
            seen.append(found.identity)
        return bool(seen)

    assert wait_until(there, timeout_s=20)
    return seen[0]


def at_work(victim: Connection, seconds: float = 60) -> Callable[[], str | None]:
    """Have the victim sleep in a thread; what is returned waits for its end and says its SQLSTATE."""
    states: list[str | None] = []

    def work() -> None:
        try:
            with victim.cursor() as cursor:
                cursor.execute("SELECT pg_sleep(%s)", (seconds,))
            states.append(None)
        except psycopg2.Error as error:
            states.append(error.pgcode)

    thread = threading.Thread(target=work)
    thread.start()

    def ended() -> str | None:
        thread.join(30)
        return states[0]

    return ended


def test_a_cancelled_query_fails_and_its_session_goes_on(eye: Connection, victim: Connection) -> None:
    ended = at_work(victim)
    receipt = signals.cancel(eye, aim(eye, victim.info.backend_pid, QUERY), wait_s=20)
    assert ended() == "57014"
    assert (receipt.sent, receipt.ended) == (True, True)
    assert receipt.found and "pg_sleep" in receipt.found.query
    victim.rollback()
    with victim.cursor() as cursor:
        cursor.execute("SELECT 1")


def test_the_next_query_of_the_same_session_is_another_target(eye: Connection, victim: Connection) -> None:
    victim.autocommit = True
    before = at_work(victim, 0.5)
    first = aim(eye, victim.info.backend_pid, QUERY)
    assert before() is None
    after = at_work(victim, 3)
    assert aim(eye, victim.info.backend_pid, QUERY) != first
    assert signals.cancel(eye, first).outcome == CHANGED
    assert signals.terminate(eye, first).outcome == CHANGED
    assert after() is None


def test_idle_in_transaction_is_not_cancelled_but_terminated(
    eye: Connection, victim: Connection, database: str
) -> None:
    with victim.cursor() as cursor:
        cursor.execute("SELECT txid_current()")
    pid = victim.info.backend_pid
    found = aim(eye, pid, TRANSACTION)
    refused = signals.cancel(eye, found)
    assert (refused.outcome, refused.sent) == (IN_TRANSACTION, False)
    assert "terminate it" in str(refused)
    receipt = signals.terminate(eye, found, wait_s=20)
    assert (receipt.sent, receipt.ended) == (True, True)
    assert value(database, f"SELECT count(*) FROM pg_stat_activity WHERE pid = {pid}") == 0


def test_the_word_of_a_transaction_holds_while_further_statements_run_in_it(
    eye: Connection, victim: Connection
) -> None:
    with victim.cursor() as cursor:
        cursor.execute("SELECT 1")
    found = aim(eye, victim.info.backend_pid, TRANSACTION)
    ended = at_work(victim, 0.5)
    aim(eye, found.pid, QUERY)
    refused = signals.terminate(eye, found)
    assert (refused.outcome, "a statement runs in that transaction now" in str(refused)) == (CHANGED, True)
    assert ended() is None
    assert aim(eye, found.pid, TRANSACTION) == found
    assert signals.terminate(eye, found, wait_s=20).ended


def test_a_failed_transaction_can_be_aimed_at(eye: Connection, victim: Connection) -> None:
    with pytest.raises(psycopg2.Error), victim.cursor() as cursor:
        cursor.execute("SELECT 1/0")
    found = signals.target(eye, victim.info.backend_pid)
    assert found and found.state == "idle in transaction (aborted)"
    assert signals.terminate(eye, aim(eye, found.pid, TRANSACTION), wait_s=20).ended


def test_an_idle_session_has_nothing_to_cancel_and_can_be_terminated(eye: Connection, victim: Connection) -> None:
    found = aim(eye, victim.info.backend_pid, IDLE)
    assert signals.cancel(eye, found).outcome == NOT_ACTIVE
    assert signals.terminate(eye, found, wait_s=20).ended
    assert signals.terminate(eye, found).outcome == GONE


def test_another_session_under_the_same_pid_is_left_alone(eye: Connection, victim: Connection) -> None:
    found = aim(eye, victim.info.backend_pid, IDLE)
    assert signals.terminate(eye, replace(found, backend_start=found.backend_start - timedelta(1))).outcome == GONE
    later = replace(found, since=found.since + timedelta(microseconds=1))
    assert signals.terminate(eye, later).outcome == CHANGED


def test_the_own_session_and_what_serves_no_client_are_left_alone(eye: Connection) -> None:
    with eye.cursor() as cursor:
        cursor.execute("SELECT pid, backend_start, query_start FROM pg_stat_activity WHERE pid = pg_backend_pid()")
        pid, start, since = cursor.fetchone() or (0, None, None)
    assert signals.cancel(eye, Identity(pid, start, QUERY, since)).outcome == OWN
    writer = next(one for one in activity.sessions(eye) if one.backend_type == "checkpointer")
    assert writer.backend_start
    assert signals.terminate(eye, Identity(writer.pid, writer.backend_start, IDLE, since)).outcome == NO_CLIENT


def test_a_role_without_the_right_is_told_in_one_line(
    eye: Connection, victim: Connection, any_server: Private, database: str
) -> None:
    name = psycopg2.extensions.parse_dsn(database)["dbname"]
    any_server.add_role(f"nobody_{name}", SCRAM)
    found = aim(eye, victim.info.backend_pid, IDLE)
    with activity.connected(any_server.dsn(f"nobody_{name}", name)) as weak:
        assert signals.terminate(weak, found).outcome == HIDDEN
        assert any(one.hidden for one in activity.sessions(weak))
        with any_server.owner() as owner, owner.cursor() as cursor:
            cursor.execute(f"GRANT pg_monitor TO nobody_{name}")
        refused = signals.terminate(weak, found)
    assert refused.outcome == NOT_PERMITTED
    assert "\n" not in str(refused)
    with any_server.owner() as owner, owner.cursor() as cursor:
        cursor.execute(f"DROP ROLE nobody_{name}")


@pytest.fixture
def weak(any_server: Private, database: str) -> Iterator[Connection]:
    """A connection of a role that may see nothing of others."""
    name = psycopg2.extensions.parse_dsn(database)["dbname"]
    any_server.add_role(f"weak_{name}", SCRAM)
    with activity.connected(any_server.dsn(f"weak_{name}", name)) as connection:
        yield connection
    with any_server.owner() as owner, owner.cursor() as cursor:
        cursor.execute(f"DROP ROLE weak_{name}")


@pytest.mark.usefixtures("victim")
def test_samples_count_who_may_not_be_seen_and_no_process_of_the_server(eye: Connection, weak: Connection) -> None:
    samples = activity.sampled(weak, 0.4, hz=20)
    assert samples
    clients = [one.pid for one in activity.sessions(eye) if one.backend_type == "client backend"]
    present = len(clients)  # the weak one does not count itself, and the eye did not
    assert {one.hidden for one in samples} == {present}
    assert sum(one.hidden_client for one in activity.sessions(weak)) == present
    assert not any(sum(one.counts.values()) for one in samples)
    assert not any(one.hidden for one in activity.sampled(eye, 0.2, hz=20))


def test_a_look_inside_a_transaction_does_not_make_the_guard_blind(
    eye: Connection, database: str, victim: Connection
) -> None:
    victim.autocommit = True
    with closing(psycopg2.connect(database)) as frozen:  # a transaction repeats its first look
        before = at_work(victim, 0.5)
        first = aim(eye, victim.info.backend_pid, QUERY)
        assert signals.target(frozen, first.pid)
        assert before() is None
        after = at_work(victim, 2)
        aim(eye, victim.info.backend_pid, QUERY)
        assert signals.cancel(frozen, first).outcome == CHANGED
        assert after() is None


def test_on_pooled_connections_the_guard_spares_the_next_query_and_the_pid_does_not(
    any_server: Private, tmp_path: Path
) -> None:
    any_server.add_role("shop", SCRAM)
    bench = Bench(None, settings.read({"LAB_HOME": str(tmp_path)}), tmp_path)  # type: ignore[arg-type]
    guarded = aiming.shots(bench, guarded=True, tries=60, query_ms=60, server=any_server)
    by_pid = aiming.shots(bench, guarded=False, tries=30, query_ms=60, server=any_server)
    assert guarded.wanted_hit > 0
    assert guarded.innocent_hit == 0
    assert by_pid.innocent_hit > 0
