"""What every session of a server does right now, and how many do what over time.

``pg_stat_activity`` is a picture that a transaction takes once: inside one, every later look shows the same. So the
connection is in autocommit, and what is sampled forgets the picture first. Samples are jittered, since a fixed period
locks onto a periodic load.

Any server will do, and only statistics are read. A role without ``pg_monitor`` sees that others' sessions are there,
whose they are and for whom they wait, not what they do: they are counted as hidden.
"""

import random
import time
from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager
from typing import Any

from psycopg2.extensions import connection as Connection

from lab import sql
from lab.observe.connection import asked, catalog_columns
from lab.observe.connection import connected as _connected
from lab.observe.schedule import moments, next_due
from lab.observe.session import select_list
from lab.record.triage import Sample, Session
from lab.sql.columns import SESSION
from lab.units import monotonic_us

APPLICATION = "lab-triage"
_TIMEOUT_S = 10.0
HZ = 10.0


def connected(dsn: str, application: str = APPLICATION, read_only: bool = True) -> AbstractContextManager[Connection]:
    """Lend a connection to look with, or to signal with; see :func:`lab.observe.connection.connected`."""
    return _connected(dsn, application, read_only, timeout_s=_TIMEOUT_S)


def columns(connection: Connection) -> dict[str, Collection[str]]:
    """Return the columns that this server's ``pg_stat_activity`` and ``pg_locks`` have."""
    return dict(catalog_columns(connection, "pg_stat_activity", "pg_locks"))


def session_columns(live: Collection[str]) -> str:
    """Return the columns of a session to select from the view, or from what it is made of."""
    return select_list(SESSION, live)


def session(row: Mapping[str, Any]) -> Session:
    """Make a session of a row that was selected with :func:`session_columns`."""
    return Session(
        int(row["pid"]), row["user_name"], row["database_name"], row["application_name"] or "", row["client_addr"],
        row["backend_type"], row["leader_pid"], row["backend_start"], row["xact_start"], row["query_start"],
        row["state_change"], row["state"], row["wait_event_type"], row["wait_event"], row["query"] or "",
        row["query_id"], row["xid"] is not None, row["xmin"] is not None, row["seen_at"],
        tuple(row.get("blocked_by") or ()),
    )  # fmt: skip


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
            taken.append(_sample(at_s, cursor.fetchall()))
    return tuple(taken)


def _sample(at_s: float, rows: Collection[tuple[Any, ...]]) -> Sample:
    counts, unseen = {}, 0
    for state, kind, event, hidden, sessions in rows:
        if hidden:
            unseen += sessions
        else:
            counts[state, kind, event] = sessions
    return Sample(at_s, counts, unseen)
