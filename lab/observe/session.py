"""The observer's own connection: which questions it asks, in the columns that this server has.

It should go to another database than the target, in autocommit: otherwise the observer's own transactions would be
counted among the target's, and inside a transaction the server repeats its first answer.
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

import psycopg2
from psycopg2.extensions import connection, cursor, parse_dsn

from lab import conninfo, sql
from lab.errors import ObserverError
from lab.observe.cpu import Usage
from lab.observe.passwords import without_password
from lab.record.tables import TABLES
from lab.sql import columns
from lab.sql.columns import RECORDED_DATABASE as DATABASE

APPLICATION = "lab-observer"
CONNECT_S = 10
HIDDEN = "<insufficient privilege>"
OPTIONS = (
    "-c jit=off -c statement_timeout=2000 -c lock_timeout=2000 -c timezone=UTC -c default_transaction_read_only=on"
)

STATEMENTS: Mapping[str, tuple[str, ...]] = {
    name: columns.STATEMENTS[name] for name in TABLES["statements"].names if name in columns.STATEMENTS
}
NO_INFO: Mapping[str, Any] = {"statements_dealloc": None, "statements_reset": None}


def select_list(wanted: Mapping[str, tuple[str, ...]], live: Collection[str]) -> str:
    """Write the columns to select: each under the record's name, null where this server has none.

    >>> select_list({"calls": ("calls",), "total_exec_ms": ("total_exec_time", "total_time")}, ["total_time"])
    'NULL AS calls, total_time AS total_exec_ms'
    """
    chosen = {name: next((old for old in names if old in live), "NULL") for name, names in wanted.items()}
    return ", ".join(f"{column} AS {name}" for name, column in chosen.items())


def check_dsn(dsn: str) -> None:
    """Refuse a DSN that cannot be read or that carries a password.

    :raises ObserverError: with what to write instead.
    """
    try:
        parts = conninfo.parse(dsn)
    except ValueError as error:
        raise ObserverError(f"the DSN cannot be read: {error}") from None
    if "password" in parts:
        raise ObserverError(
            "the DSN carries a password, which ps shows to everybody; leave it out and set PGPASSWORD, "
            "or name a passfile or a service that has it"
        )


def one_line(error: BaseException) -> str:
    """Return an error's text as one line."""
    return " ".join(str(error).split()) or type(error).__name__


class Session:
    """One connection to the server, and what was learnt about the server through it."""

    def __init__(self, dsn: str, target: str, anyone: bool = False) -> None:
        """Connect, and prepare the questions about the database *target*.

        :param anyone: whether a role will do that may not see what others do; what it sees of them is that they are.
        :raises psycopg2.Error: if the server cannot be reached.
        :raises ObserverError: if *target* does not exist, or if the role may not
            see what others do and *anyone* is false.
        """
        given = parse_dsn(dsn)
        self._connection: connection = psycopg2.connect(
            dsn,
            application_name=APPLICATION,
            options=f"{given.get('options', '')} {OPTIONS}".strip(),
            connect_timeout=given.get("connect_timeout", CONNECT_S),
        )
        self._anyone = anyone
        try:
            self._connection.autocommit = True
            self._cursor: cursor = self._connection.cursor()
            self._cursor.execute(sql.load("observe/quiet"))
            self.backend_pid: int = self._connection.info.backend_pid
            self.datid = self._find(target)
            self._views = self._read_views()
            self._cursor.execute(sql.load("observe/functions"))
            self._functions = {str(name) for (name,) in self._cursor.fetchall()}
            activity = "observe/activity_of_anyone" if anyone else "observe/activity"
            self._cursor.execute(sql.load(activity), {"datid": self.datid})
        except BaseException:
            self.close()
            raise
        self._again = sql.load("observe/activity_again")

    @property
    def has_statements(self) -> bool:
        """Whether the observer's database has the extension pg_stat_statements."""
        return "pg_stat_statements" in self._views

    @property
    def tells_memory(self) -> bool:
        """Whether the server can be asked for its backends' memory."""
        return "backend_memory" in self._functions

    @property
    def tells_usage(self) -> bool:
        """Whether the server can be asked for its CPU time."""
        return "server_usage" in self._functions

    @property
    def version(self) -> int:
        """The server's version number, such as 150018; for the record, never to choose columns by."""
        return self._connection.server_version

    @property
    def lost(self) -> bool:
        """Whether the connection is known to be broken."""
        return bool(self._connection.closed)

    def close(self) -> None:
        """Close the connection; safe on a broken one."""
        self._connection.close()

    def activity(self) -> list[tuple[Any, ...]]:
        """Return (application, state, wait_event_type, wait_event, backends): one row for each that occurs."""
        self._cursor.execute(self._again)
        return self._cursor.fetchall()

    def database(self) -> dict[str, Any]:
        """Return the target's counters, in the columns of the record; what the server has not is None."""
        _, live = self._views["pg_stat_database"]
        rows = self._ask("observe/database", columns=select_list(DATABASE, live))
        info = self._ask("observe/statements_info") if "pg_stat_statements_info" in self._views else []
        return {**rows[0], **(info[0] if info else NO_INFO)}

    def statements(self) -> list[dict[str, Any]]:
        """Return the target's statements, in the columns of the record; none without the extension."""
        if not self.has_statements:
            return []
        _, live = self._views["pg_stat_statements"]
        rows = self._ask("observe/statements", columns=select_list(STATEMENTS, live))
        # a row of another role without its text cannot be told from others, and has no difference
        return [row | {"query": without_password(row["query"])} for row in rows if row["query"] != HIDDEN]

    def memory(self) -> list[dict[str, Any]]:
        """Return each client backend's memory, in the columns of the record; none where the system has no /proc."""
        return self._ask("observe/memory")

    def usage(self) -> tuple[Usage, Usage] | None:
        """Return what the server has used without this connection's backend, and that backend; None without /proc."""
        rows = self._ask("observe/server_usage")
        if not rows:
            return None
        row = rows[0]
        return Usage(row["cpu_s"], row["rss_bytes"]), Usage(row["own_cpu_s"], row["own_rss_bytes"])

    def _find(self, target: str) -> int:
        self._cursor.execute(sql.load("observe/target"), {"target": target})
        found = self._cursor.fetchone()
        if found is None:
            raise ObserverError(f"the server has no database {target!r}; name the one under test")
        datid, may_look = found
        if not may_look and not self._anyone:
            raise ObserverError("the observer's role may not see other roles' activity; grant it pg_monitor")
        return int(datid)

    def _read_views(self) -> dict[str, tuple[str, list[str]]]:
        self._cursor.execute(sql.load("observe/columns"))
        return {view: (schema, columns) for view, schema, columns in self._cursor.fetchall()}

    def _ask(self, question: str, columns: str = "") -> list[dict[str, Any]]:
        schema = self._views.get("pg_stat_statements", ("", []))[0]
        text = sql.load(question).format(columns=columns, schema=schema)
        self._cursor.execute(text, {"datid": self.datid})
        names = [column.name for column in self._cursor.description or ()]
        return [dict(zip(names, map(plain, row), strict=True)) for row in self._cursor.fetchall()]


def plain(value: Any) -> Any:
    """Return a timestamp as text, and a whole number that came as a decimal as an integer."""
    if isinstance(value, datetime):
        return value.isoformat()
    return int(value) if isinstance(value, Decimal) else value
