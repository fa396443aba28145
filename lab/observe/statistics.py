"""One look at a server's counters: :func:`take`.

It reports its own backend first, reads each view in a transaction of its own (inside one the server repeats its first
answer), in the columns that the live views have, and says what it could not see. It cannot make *other* backends
report: it names those that may not have, or waits for them (``settle_s``). Nothing is written, and pg_monitor is
enough; without it the texts of other roles' statements and their backends' states are hidden, which is said.

What the server's own processes count (checkpointer, background writer) they report by themselves, a moment after the
deed. A size is left out where it would mean waiting for a lock. When the counters began is read before and after them,
and the look is taken again if that has changed. Two looks of one :class:`Reader` leave out its own transactions; all
else that a reader costs (blocks, rows of the catalogs) is among what it reads of the database.

Source: PostgreSQL manual, "The Cumulative Statistics System"; lab/observe/settled.py on what is late.
"""

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from psycopg2.extensions import connection as Connection

from lab.errors import ObserverError
from lab.observe.connection import Counted, ask, connected
from lab.observe.session import HIDDEN, plain, select_list
from lab.observe.settled import flush, unreported, wait_settled
from lab.record import run as record
from lab.record.counters import (
    Began,
    IndexCounters,
    Snapshot,
    StatementCounters,
    TableCounters,
    Unreported,
    names_of,
)
from lab.record.tables import TABLES
from lab.sql import columns
from lab.units import monotonic_us

APPLICATION = "lab-statistics"
_TIMEOUT_S = 10.0
_TRIES = 3
_BACK_S = 30.0  # a crashed server replays its log before it answers
_PAUSE_S = 0.2
_RESETS = ("bgwriter_reset", "archiver_reset", "database_reset", "statements_reset")
_WITH_COUNTERS = ("checkpointer_reset", "wal_reset")  # these come in the row of what they date


def take(where: str | Connection, *, settle_s: float = 0.0) -> Snapshot:
    """Look once at the counters of the database that *where* leads to.

    :param where: a DSN, or a connection that is not inside a transaction.
    :param settle_s: how long to wait for other backends to report; the snapshot names those that had not.
    :raises ObserverError: if the server cannot be asked.
    """
    if isinstance(where, str):
        with reading(where) as reader:
            return reader.take(settle_s)
    return Reader(where).take(settle_s)


def record_tables(dsn: str, folder: Path, mark: str, application: str) -> None:
    """Append the counters of all tables to a run's raw files, as rows of its table ``tables``.

    It waits for nobody: the app's backends have not begun, or have ended. A server that does not answer costs the rows
    and not the run: that is an event.

    :param application: what its own session is called, which counts as one of the database's.
    """
    t_us = monotonic_us()
    try:
        with reading(dsn, application) as reader:
            tables = reader.tables()
    except ObserverError as error:
        record.append_event(folder, f"no tables at {mark}: {error}", t_us, source="lab")
        return
    keep_tables(folder, mark, t_us, tables)


def keep_tables(folder: Path, mark: str, t_us: int, tables: Iterable[TableCounters]) -> None:
    """Append the counters of *tables* to a run's raw files, as seen at *t_us*."""
    names = [name for name in names_of(TableCounters) if name in TABLES["tables"].names]
    rows = [{"t_us": t_us, "mark": mark, **{name: getattr(one, name) for name in names}} for one in tables]
    record.append_rows(folder, "tables", "tables", rows)


@contextmanager
def reading(dsn: str, application: str = APPLICATION) -> Iterator["Reader"]:
    """Lend a reader with a connection of its own, in autocommit and kept out of the statistics where the role may.

    :raises ObserverError: if the server cannot be reached.
    """
    with connected(dsn, application, timeout_s=_TIMEOUT_S, factory=Counted) as connection:
        yield Reader(connection)


def take_again(reader: "Reader", dsn: str, patience_s: float = _BACK_S) -> Snapshot:
    """Look once more through *reader*; through a new connection where its own was lost, when the server is back.

    After a crash the difference to an earlier look is unknown, and says so.

    :raises ObserverError: if the server cannot be asked, or is not back in *patience_s*.
    """
    try:
        return reader.take()
    except ObserverError:
        if not reader.lost:
            raise
    deadline_s = time.monotonic() + patience_s
    while True:
        try:
            return take(dsn)
        except ObserverError as error:
            if time.monotonic() > deadline_s:
                said = f"the connection was lost between the two looks, and the server not back in {patience_s:g} s"
                raise ObserverError(f"{said}: {error}; look again") from None
        time.sleep(_PAUSE_S)


class Reader:
    """Somebody who looks at the counters more than once, through one connection."""

    def __init__(self, connection: Connection) -> None:
        """Look through *connection*; one of :func:`reading` counts its own transactions too.

        :raises ObserverError: if it is inside a transaction, or the server cannot be asked.
        """
        self._connection = connection
        self._views = {row["view"]: (row["schema"], row["columns"]) for row in self._ask("observe/view_columns")}

    def take(self, settle_s: float = 0.0) -> Snapshot:
        """Look once; see :func:`take`.

        When the counters began is read before and after them: if they were reset meanwhile it looks again, and after a
        few times it says so, in *hidden* and in *began*, so that nothing is subtracted from that.
        """
        ahead, tries = self._stamps(), 0
        while True:
            seen, tries = self._look(settle_s), tries + 1
            after = self._stamps()
            changed = [name for name in _RESETS if ahead.get(name) != after.get(name)]
            if not changed or tries == _TRIES:
                return _dated(seen, ahead, after, changed)
            ahead = after

    @property
    def lost(self) -> bool:
        """Whether its connection is no more."""
        return bool(self._connection.closed)

    def _look(self, settle_s: float) -> dict[str, Any]:
        """Read all counters; the names are those of a snapshot."""
        left = self._settle(settle_s)
        own = self._connection.transactions if isinstance(self._connection, Counted) else None
        counters = self._one("observe/database_counters", "pg_stat_database", columns.DATABASE)
        t_us = monotonic_us()
        statements, unseen, lines, calls = self._statements()
        return {
            "t_us": t_us,
            "counters": counters,
            "server": self._server(),
            "statements": statements,
            "tables": self.tables(),
            "indexes": self._rows("observe/index_counters", "pg_stat_all_indexes", columns.INDEXES, IndexCounters),
            "unreported": left,
            "hidden": unseen,
            "hidden_statements": lines,
            "hidden_calls": calls,
            "running": tuple((row["pid"], row["since"]) for row in self._ask("observe/running")),
            "own_transactions": own,
        }

    def _stamps(self) -> dict[str, Any]:
        return {**self._ask("observe/began")[0], **self._info()}

    def tables(self) -> tuple[TableCounters, ...]:
        """Look at the tables alone, at once: nobody is asked to report, and nobody waited for."""
        return self._rows("observe/table_counters", "pg_stat_all_tables", columns.TABLES, TableCounters)

    def _settle(self, settle_s: float) -> tuple[Unreported, ...]:
        """Look for backends that have not reported, or wait for them; then report what that and all before has cost."""
        left = wait_settled(self._connection, settle_s) if settle_s > 0 else unreported(self._connection)
        flush(self._connection)
        return left

    def _ask(self, question: str, **parts: str) -> list[dict[str, Any]]:
        return ask(self._connection, question, parts)

    def _info(self) -> dict[str, Any]:
        if "pg_stat_statements_info" not in self._views:
            return {}
        schema = self._views["pg_stat_statements_info"][0]
        try:
            return self._ask("observe/statement_info", schema=schema)[0]
        except ObserverError:  # the extension is here and its library is not loaded: the statements say so
            return {}

    def _one(self, question: str, view: str, wanted: columns.Names) -> dict[str, Any]:
        rows = self._ask(
            question, columns=select_list(wanted, self._views[view][1]), name=view.removeprefix("pg_stat_")
        )
        return {name: plain(value) for name, value in rows[0].items()}

    def _rows(self, question: str, view: str, wanted: columns.Names, kind: type) -> tuple[Any, ...]:
        rows = self._ask(question, columns=select_list(wanted, self._views[view][1]))
        return tuple(kind(**{name: plain(value) for name, value in row.items()}) for row in rows)

    def _server(self) -> dict[str, Any]:
        """Checkpoints, buffers and WAL, from the views that this server has; what it has not is None."""
        found: dict[str, Any] = {}
        for view, wanted in (
            ("pg_stat_bgwriter", columns.BGWRITER),
            ("pg_stat_checkpointer", columns.CHECKPOINTER),
            ("pg_stat_wal", columns.WAL),
        ):
            row = self._one("observe/one_view", view, wanted) if view in self._views else dict.fromkeys(wanted)
            found |= {name: value for name, value in row.items() if found.get(name) is None}
        return found

    def _statements(self) -> tuple[tuple[StatementCounters, ...] | None, tuple[str, ...], int, int]:
        """Return the statements; in words what is missing of them; how many lines that is, and how many calls."""
        if "pg_stat_statements" not in self._views:
            missing = "statements: this database has no extension pg_stat_statements; CREATE EXTENSION makes it"
            return None, (missing,), 0, 0
        schema, live = self._views["pg_stat_statements"]
        try:
            rows = self._ask("observe/statement_counters", columns=select_list(columns.STATEMENTS, live), schema=schema)
        except ObserverError as error:
            return None, (f"statements: {error}",), 0, 0
        seen = [row for row in rows if row["query"] != HIDDEN and row["queryid"] is not None]
        calls = sum(row["calls"] for row in rows) - sum(row["calls"] for row in seen)
        lines = len(rows) - len(seen)
        unseen = f"statements: {lines} of other roles, with {calls} calls since they began; pg_monitor would see them"
        values = tuple(_statement(row) for row in seen)
        return values, (unseen,) if lines else (), lines, calls


def _statement(row: Mapping[str, Any]) -> StatementCounters:
    values = {name: plain(value) for name, value in row.items()}
    # the server gives no text where it could not read its file of texts
    return StatementCounters(**{**values, "query": values["query"] or ""})


def _dated(seen: Mapping[str, Any], ahead: Mapping[str, Any], after: Mapping[str, Any], changed: list[str]) -> Snapshot:
    """Make a snapshot of a look and of the stamps before and after it; *changed* are those that differ all the same."""
    torn = {name: f"{plain(after.get(name))}, while it was looked at" for name in changed}
    said = [f"{name} changed while the counters were read, {_TRIES} times; look again" for name in changed]
    server = dict(seen["server"])
    read = {name: server.pop(name) for name in _WITH_COUNTERS}
    # of these the first is right for the earlier of two looks, and the last for the later one
    dropped = {
        "statements_dealloc": ahead.get("statements_dealloc"),
        "statements_dealloc_after": after.get("statements_dealloc"),
    }
    values = {**after, **read, **dropped, **torn}
    return Snapshot(
        **{**seen, "server": server, "hidden": (*seen["hidden"], *_not_counted(after), *said)},
        taken_at=after["taken_at"],
        version=after["version"],
        database=after["database"],
        datid=after["datid"],
        own_backend=after["own_backend"],
        began=Began(**{name: plain(values.get(name)) for name in names_of(Began)}),
    )


def _not_counted(who: Mapping[str, Any]) -> Iterator[str]:
    if not who["track_counts"]:
        yield "tables and indexes: track_counts is off, nothing is counted"
    if not who["sees_all"]:
        yield "other roles' backends: their state is hidden; pg_monitor would see it"
