"""Waiting for an application's backends to end, because only then are their statistics all there.

A backend adds its counters to the server's at most once a second, an idle one only after 10 s (15 and later) or never
(13, 14); all of them do so when they end. From 15 on the counters lie in shared memory and are written before the
backend leaves pg_stat_activity. In 13 and 14 a collector process receives them as messages and publishes a file that
may be half a second old, so there the wait goes on for a second.

Source: PostgreSQL, src/backend/utils/activity/pgstat.c (15), src/backend/postmaster/pgstat.c (14).
"""

import time
from contextlib import closing

import psycopg2

from lab import sql
from lab.errors import ObserverError
from lab.observe.session import check_dsn, one_line

_EVERY_S = 0.02
_COLLECTOR_S = 1.0  # PGSTAT_STAT_INTERVAL is 0.5 s; twice that, for the messages under way
_SHARED_MEMORY_VERSION = 150000


def wait_until_gone(dsn: str, application: str, timeout_s: float) -> bool:
    """Wait until no backend calls itself *application* and its statistics are complete; False if one remains.

    End the application first: a backend that is just starting has no name yet.

    :param dsn: of a role that may read pg_stat_activity; any database but the one under test.
    :raises ObserverError: if the server cannot be asked.
    """
    check_dsn(dsn)
    try:
        with closing(psycopg2.connect(dsn, application_name="lab-admin-wait", connect_timeout=5)) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                gone = _wait(cursor, application, time.monotonic() + timeout_s)
            if gone and connection.server_version < _SHARED_MEMORY_VERSION:
                time.sleep(_COLLECTOR_S)
    except psycopg2.Error as error:
        raise ObserverError(f"cannot ask the server for the backends of {application}: {one_line(error)}") from None
    return gone


def _wait(cursor: psycopg2.extensions.cursor, application: str, deadline_s: float) -> bool:
    while True:
        cursor.execute(sql.load("observe/backends_of"), {"application": application})
        row = cursor.fetchone()
        if row and row[0] == 0:
            return True
        if time.monotonic() > deadline_s:
            return False
        time.sleep(_EVERY_S)
