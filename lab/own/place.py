"""The database that a DSN leads to: what it is, what its role may see, and where the observer sits to look at it.

Everything is read-only. The observer sits in the database ``postgres`` if it may, so that its own transactions are not
counted among those of the database that it looks at; and in that database itself if only this one has
pg_stat_statements, which is then said.
"""

import os
import re
import socket
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import psutil
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import make_dsn

from lab.errors import ObserverError
from lab.observe.connection import ask, connected

APPLICATION = "lab-statistics"  # what the lab's short looks are called
NEUTRAL = "postgres"
_TIMEOUT_S = 10.0
_OLDEST, _NEWEST = 130000, 190000
# what figures depend on; all else may name an address, a folder or somebody
_TOLD = re.compile(
    r"shared_buffers|.*_mem|.*_buffers|hash_mem_multiplier|huge_pages|temp_file_limit|max_.*|min_wal_size"
    r"|autovacuum.*|vacuum_.*|wal_.*|checkpoint_.*|bgwriter_.*|.*_flush_after|fsync|full_page_writes"
    r"|synchronous_commit|commit_.*|(enable|geqo|jit)(_.*)?|.*_cost|.*_collapse_limit|cursor_tuple_fraction"
    r"|effective_.*|io_.*|plan_cache_mode|constraint_exclusion|default_statistics_target|default_transaction_.*"
    r"|track_.*|compute_query_id|stats_fetch_consistency|(pg_stat_statements|auto_explain)\..*|.*_timeout"
    r"|log_(min_duration_.*|statement|lock_waits|temp_files|autovacuum_.*|checkpoints|connections|disconnections)"
)


@dataclass(frozen=True, slots=True)
class Place:
    """A database to look at. DSNs carry no password."""

    dsn: str
    database: str
    version: str
    settings: Mapping[str, str]
    observer_dsn: str
    server_pid: int | None  # the postmaster, if its processes can be seen from here
    absent: tuple[str, ...]  # what cannot be had here, in words

    def as_dict(self) -> dict[str, Any]:
        """Return what a run's environment says of it; neither addresses, folders nor roles."""
        return {"version": self.version, "settings": dict(self.settings), "notes": []}


def find(dsn: str) -> Place:
    """Look at the database that *dsn* leads to.

    :raises ObserverError: if it cannot be reached, is no PostgreSQL of 13 to 18, or *dsn* carries a password.
    """
    with connected(dsn, APPLICATION, timeout_s=_TIMEOUT_S) as connection:
        began = ask(connection, "observe/began")[0]
        if not _OLDEST <= began["version"] < _NEWEST:
            raise ObserverError(f"the server's version is {began['version']}; the lab looks at PostgreSQL 13 to 18")
        settings = {str(row["name"]): str(row["value"]) for row in ask(connection, "server/settings")}
        settings = {name: value for name, value in settings.items() if _TOLD.fullmatch(name)}
        here, pid = _has_statements(connection), _server_pid(connection)
    there, where = _neutral(dsn, began["database"])
    sits_there = there is not None and (there or not here)
    absent = [] if sits_there else [_counted_too(began["database"], here)]
    if not (there if sits_there else here):
        absent.append("statements: the database has no extension pg_stat_statements; CREATE EXTENSION makes it")
    if pid is None:
        absent.append("CPU and memory of the server: its processes cannot be seen from here")
    return Place(
        dsn=dsn,
        database=str(began["database"]),
        version=_version(began["version"]),
        settings=settings,
        observer_dsn=where if sits_there else dsn,
        server_pid=pid,
        absent=tuple(absent),
    )


def _neutral(dsn: str, database: str) -> tuple[bool | None, str]:
    """Return whether the neutral database has pg_stat_statements, None if one cannot sit there; and its DSN."""
    where = make_dsn(dsn, dbname=NEUTRAL)
    if database == NEUTRAL:
        return None, where
    with suppress(ObserverError), connected(where, APPLICATION, timeout_s=_TIMEOUT_S) as connection:
        return _has_statements(connection), where
    return None, where


def _has_statements(connection: Connection) -> bool:
    return any(row["view"] == "pg_stat_statements" for row in ask(connection, "observe/columns"))


def _counted_too(database: str, here: bool) -> str:
    why = "only there is pg_stat_statements" if here and database != NEUTRAL else "there is no other to sit in"
    return f"the observer's own transactions, about 10 a second, are counted in {database}: {why}"


def _version(number: int) -> str:
    """Write a version number as people do.

    >>> _version(180001), _version(130022)
    ('18.1', '13.22')
    """
    return f"{number // 10000}.{number % 10000}"


def _server_pid(connection: Connection) -> int | None:
    """Return the postmaster's pid, if the backend of *connection* is a process that can be seen here.

    A backend's title names the port of its client, so a process of another machine or container is not taken for it.
    """
    with suppress(psutil.Error, OSError):
        backend = psutil.Process(connection.info.backend_pid)
        title, client = " ".join(backend.cmdline()), _client(connection)
        if title.startswith("postgres") and client in title and connection.info.dbname in title:
            return int(backend.ppid())
    return None


def _client(connection: Connection) -> str:
    """Return how a backend's title names this end of its connection."""
    with socket.socket(fileno=os.dup(connection.fileno())) as end:
        name = end.getsockname()
    return f"({name[1]})" if isinstance(name, tuple) else "[local]"
