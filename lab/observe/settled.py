"""Are the counters complete that the statistics views show?

Each backend keeps what it counted and reports it when it comes to rest outside of a transaction; but at most once in a
second (half a second before PostgreSQL 15). What it then holds it reports ten seconds later (15 and later), with its
next statement or with its end. So counters that are read at once after some work lack the work, or a part of it. And
worse: what a DELETE counted, and reported after the VACUUM that removed the rows, stands as dead rows that do not
exist. :func:`flush` before, and they do not arise.

=====================  =====================================  ===========================================
a backend              15 and later                           13 and 14
=====================  =====================================  ===========================================
of one's own           :func:`flush`: about a millisecond     :func:`flush`: 1.2 s, for all connections
of others, idle        reports within 10 s                    with its next statement or its end; else never
of others, at work     when its transaction is over           when its transaction is over
=====================  =====================================  ===========================================

pg_stat_statements and pg_stat_activity are not concerned: they show at once what happened.

Source: PostgreSQL, src/backend/utils/activity/pgstat.c (15: PGSTAT_MIN_INTERVAL, PGSTAT_IDLE_INTERVAL),
src/backend/postmaster/pgstat.c (14: PGSTAT_STAT_INTERVAL). ``pg_stat_force_next_flush`` is not in the manual.
"""

import time
from collections.abc import Mapping
from typing import Any

from psycopg2.extensions import TRANSACTION_STATUS_IDLE
from psycopg2.extensions import connection as Connection

from lab.errors import ObserverError
from lab.observe.connection import ask
from lab.record.counters import Unreported

SETTLE_S = 12.0  # a little more than an idle backend of 15 and later keeps its counters
_IDLE_S = 10.5  # PGSTAT_IDLE_INTERVAL is 10 s, and a timer may be late
_INTERVAL_S = 0.5  # PGSTAT_STAT_INTERVAL: between two reports of a backend, and the age of the collector's file
_PAUSE_S = 0.6  # more than that
_EVERY_S = 0.05

Row = Mapping[str, Any]


def flush(*connections: Connection) -> None:
    """Have the backends of *connections* report all that they have counted; whoever reads later sees it.

    From PostgreSQL 15 on it takes a round trip each. A server before that has no way to be told: it reports with a
    statement that comes more than half a second after its last report, to a collector whose file may be half a second
    old. So it takes 1.2 s there, however many connections.

    :raises ObserverError: if a connection is inside a transaction: nothing is reported before that is over.
    """
    for connection in connections:
        _check(connection)
    late = [connection for connection in connections if not can_flush(connection)]
    for connection in connections:
        if connection not in late:
            ask(connection, "observe/force_flush")
    if late:
        time.sleep(_PAUSE_S)
        for connection in late:
            ask(connection, "observe/any_statement")
        time.sleep(_PAUSE_S)


def can_flush(connection: Connection) -> bool:
    """Whether the server can be told to report at once: from PostgreSQL 15 on."""
    return bool(ask(connection, "observe/can_flush")[0]["exists"])


def wait_settled(
    connection: Connection, timeout_s: float = SETTLE_S, database: str | None = None
) -> tuple[Unreported, ...]:
    """Wait until every client backend of *database* has reported; return those of which that is not known.

    Nothing returned: what the views show is complete. *connection* reports first. On 13 and 14 an idle backend that
    worked a moment before its pause never reports by itself: end it, or let it do something.

    :param database: the database that *connection* is connected to if not given.
    :raises ObserverError: if the server cannot be asked, or *connection* is inside a transaction.
    """
    deadline_s = time.monotonic() + timeout_s
    flush(connection)
    while (left := unreported(connection, database)) and time.monotonic() < deadline_s:
        time.sleep(_EVERY_S)
    if not can_flush(connection):
        time.sleep(_PAUSE_S)  # the collector's file may be older than the last report
    return left


def unreported(connection: Connection, database: str | None = None) -> tuple[Unreported, ...]:
    """Return the other client backends of *database* that may hold counters now; it does not wait.

    :raises ObserverError: if the server cannot be asked, or *connection* is inside a transaction.
    """
    _check(connection)
    quick = can_flush(connection)
    found = []
    for row in ask(connection, "observe/client_backends", database=database):
        why = why_unreported(row, quick)
        if why:
            found.append(Unreported(row["pid"], row["application"], why))
    return tuple(found)


def why_unreported(row: Row, reports_when_idle: bool) -> str:
    """Return why a backend may hold counters; empty if it cannot.

    :param row: *state*, *state_s* (since when), *never_asked*, *last_s* (how long its last statement took).
    :param reports_when_idle: as 15 and later do.

    >>> why_unreported({"state": "idle", "state_s": 3.0, "never_asked": False, "last_s": 0.1}, True)
    'idle for 3.0 s; it reports within 10 s'
    >>> why_unreported({"state": "idle", "state_s": 11.0, "never_asked": False, "last_s": 0.1}, True)
    ''
    """
    if row["state"] is None:
        return "this role may not see its state"
    if row["state"] == "disabled":
        return "track_activities is off there"
    if row["state"] != "idle":
        return f"{row['state']}; it reports when its transaction is over"
    if row["never_asked"]:
        return ""
    if reports_when_idle:
        return "" if row["state_s"] > _IDLE_S else f"idle for {row['state_s']:.1f} s; it reports within 10 s"
    # its last report came before its last statement, so after a long one it reported again
    return "" if row["last_s"] > _INTERVAL_S else "idle; before 15 it reports with its next statement or its end"


def _check(connection: Connection) -> None:
    if connection.info.transaction_status != TRANSACTION_STATUS_IDLE:
        raise ObserverError("the connection is inside a transaction, which reports nothing; commit it first")
