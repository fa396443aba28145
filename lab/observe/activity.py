"""What every session of a server does right now, and how many do what over time.

``pg_stat_activity`` is a picture that a transaction takes once: inside one, every later look shows the same. So the
connection is in autocommit, and what is sampled forgets the picture first. Samples are jittered, since a fixed period
locks onto a periodic load.

Any server will do, and only statistics are read. A role without ``pg_monitor`` sees that others' sessions are there,
not what they do: they are counted as hidden.
"""

import random
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import psycopg2
from psycopg2.extensions import connection as Connection

from lab import sql
from lab.errors import ObserverError
from lab.observe.schedule import moments, next_due
from lab.observe.session import one_line, select_list
from lab.record.triage import Sample, Session
from lab.units import monotonic_us

APPLICATION = "lab-triage"
OPTIONS = "-c jit=off -c statement_timeout=10000 -c lock_timeout=5000 -c timezone=UTC"
HZ = 10.0

# of the value -> what servers have called it
_SESSION: Mapping[str, tuple[str, ...]] = {
    "pid": ("pid",),
    "user_name": ("usename",),
    "database_name": ("datname",),
    "application_name": ("application_name",),
    "client_addr": ("client_addr",),
    "backend_type": ("backend_type",),
    "leader_pid": ("leader_pid",),
    "backend_start": ("backend_start",),
    "xact_start": ("xact_start",),
    "query_start": ("query_start",),
    "state_change": ("state_change",),
    "state": ("state",),
    "wait_event_type": ("wait_event_type",),
    "wait_event": ("wait_event",),
    "query": ("query",),
    "query_id": ("query_id",),
    "xid": ("backend_xid",),
    "xmin": ("backend_xmin",),
}


@contextmanager
def connected(dsn: str, application: str = APPLICATION) -> Iterator[Connection]:
    """Lend a connection to look and to signal with: in autocommit, with times in UTC, and left out of the slow log.

    :raises ObserverError: if the server cannot be reached, or does not answer a question, in one line.
    """
    try:
        connection = psycopg2.connect(dsn, application_name=application, options=OPTIONS)
    except psycopg2.Error as error:
        raise ObserverError(f"the server cannot be reached: {one_line(error)}") from None
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(sql.load("observe/quiet"))
        yield connection
    except psycopg2.Error as error:
        raise ObserverError(f"the server did not answer: {one_line(error)}") from None
    finally:
        connection.close()


def columns(connection: Connection) -> dict[str, Collection[str]]:
    """Return the columns that this server's ``pg_stat_activity`` and ``pg_locks`` have."""
    with connection.cursor() as cursor:
        cursor.execute(sql.load("triage/columns"))
        return dict(cursor.fetchall())


def session_columns(live: Collection[str]) -> str:
    """Return the columns of a session to select from the view, or from what it is made of."""
    return select_list(_SESSION, live)


def session(row: Mapping[str, Any]) -> Session:
    """Make a session of a row that was selected with :func:`session_columns`."""
    return Session(
        int(row["pid"]), row["user_name"], row["database_name"], row["application_name"] or "", row["client_addr"],
        row["backend_type"], row["leader_pid"], row["backend_start"], row["xact_start"], row["query_start"],
        row["state_change"], row["state"], row["wait_event_type"], row["wait_event"], row["query"] or "",
        row["query_id"], row["xid"] is not None, row["xmin"] is not None, row["seen_at"],
        tuple(row.get("blocked_by") or ()),
    )  # fmt: skip


def asked(connection: Connection, text: str, parameters: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
    """Return the rows of one question, each with its columns' names."""
    with connection.cursor() as cursor:
        cursor.execute(text, parameters)
        names = [column.name for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def sessions(connection: Connection) -> tuple[Session, ...]:
    """Return all processes of the server but the one that asks; those that wait for a lock know for whom."""
    live = columns(connection)["pg_stat_activity"]
    return tuple(
        session(row) for row in asked(connection, sql.load("triage/sessions").format(columns=session_columns(live)))
    )


def sampled(connection: Connection, seconds: float, hz: float = HZ, seed: int | None = None) -> tuple[Sample, ...]:
    """Look for so long, *hz* times a second on average, at jittered moments; what was missed is not caught up."""
    start_us = monotonic_us()
    schedule, taken = moments(start_us, hz, random.Random(seed)), []
    while (due_us := next_due(schedule, monotonic_us())) < start_us + seconds * 1e6:
        time.sleep(max(due_us - monotonic_us(), 0) / 1e6)
        at_s = (monotonic_us() - start_us) / 1e6
        with connection.cursor() as cursor:
            cursor.execute(sql.load("triage/sample"))
            taken.append(Sample(at_s, {(state, kind, event): n for state, kind, event, n in cursor.fetchall()}))
    return tuple(taken)
