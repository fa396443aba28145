"""What happened between two looks at the server's counters: pure functions on snapshots, and on the observer's rows.

A counter that was reset, lost in a crash or pushed out in between has no difference: the result is None, which means
unknown, and never a guess; *why* says the reason. What backends had not reported when they were looked at is missing in
a delta of tables, indexes and database: then it is not *settled*, and *notes* names them.

A session itself commits one transaction when it starts (the server reads its catalogs in it), so without a pool there
are two commits for one request.

Source: PostgreSQL manual, "The Cumulative Statistics System" and "pg_stat_statements".
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from lab.analyse.statements import StatementDeltas, counters_lost, statement_deltas
from lab.errors import RecordError
from lab.record.counters import Began, IndexCounters, Snapshot, TableCounters

Row = Mapping[str, Any]
Counts = Mapping[str, Any]  # name of a counter -> its difference; None is unknown

# those of the record's table ``database``
DATABASE_COUNTERS = (
    "sessions",
    "xact_commit",
    "xact_rollback",
    "active_ms",
    "idle_in_transaction_ms",
    "blks_read",
    "blks_hit",
)
TABLE_COUNTERS = (
    "seq_scan", "seq_tup_read", "idx_scan", "idx_tup_fetch", "n_tup_ins", "n_tup_upd", "n_tup_del", "n_tup_hot_upd",
    "n_tup_newpage_upd", "vacuum_count", "autovacuum_count", "analyze_count", "autoanalyze_count", "total_vacuum_ms",
    "total_autovacuum_ms", "total_analyze_ms", "total_autoanalyze_ms",
)  # fmt: skip
INDEX_COUNTERS = ("idx_scan", "idx_tup_read", "idx_tup_fetch")


@dataclass(frozen=True, slots=True)
class TableDelta:
    """One table between two looks. Estimates and sizes are no sums: they are in *before* and *after*."""

    before: TableCounters | None  # None: the table is new
    after: TableCounters
    counts: Counts  # the names of TABLE_COUNTERS
    why: str = ""  # why the counts are unknown


@dataclass(frozen=True, slots=True)
class IndexDelta:
    """One index between two looks."""

    before: IndexCounters | None  # None: the index is new
    after: IndexCounters
    counts: Counts  # the names of INDEX_COUNTERS
    why: str = ""


@dataclass(frozen=True, slots=True)
class Delta:
    """All that was counted between two looks, and what is not known of it."""

    seconds: float
    version: int
    statements: StatementDeltas
    tables: tuple[TableDelta, ...]
    indexes: tuple[IndexDelta, ...]
    database: Counts
    server: Counts  # checkpoints, buffers, WAL
    settled: bool  # every backend had reported, both times
    notes: tuple[str, ...] = ()  # whatever makes a figure unknown or too small, in words

    @property
    def transactions(self) -> int | None:
        """Commits and rollbacks of the database, the lab's own left out where they are known; None if unknown."""
        ended = [self.database.get(name) for name in ("xact_commit", "xact_rollback")]
        return None if None in ended else int(sum(number for number in ended if number is not None))

    def table(self, name: str, schema: str = "public", toast: bool = False) -> TableDelta:
        """Return one table's delta.

        :raises KeyError: if there is no such table.
        """
        for one in self.tables:
            if (one.after.name, one.after.schema, one.after.toast) == (name, schema, toast):
                return one
        raise KeyError(f"{schema}.{name}")


def between(before: Snapshot, after: Snapshot) -> Delta:
    """Subtract two looks at one database.

    :raises RecordError: if they are not of one database, or in the wrong order.
    """
    if (before.database, before.datid) != (after.database, after.datid):
        raise RecordError(
            f"snapshots of {before.database} and {after.database} have no difference; take both of one database"
        )
    if after.taken_at < before.taken_at:
        raise RecordError(f"the snapshot of {after.taken_at} comes before that of {before.taken_at}; swap them")
    crashed, reset = counters_lost(before.began, after.began), relations_lost(before.began, after.began)
    database = _subtracted(before.counters, after.counters, reset)
    _leave_out_own(database, before, after)
    ended = [database.get(name) for name in ("xact_commit", "xact_rollback")]
    transactions = None if None in ended else int(sum(number for number in ended if number is not None))
    statements = statement_deltas(before, after, transactions)
    old_indexes = {one.indexrelid: one for one in before.indexes}
    return Delta(
        seconds=(after.t_us - before.t_us) / 1e6,
        version=after.version,
        statements=statements,
        tables=table_deltas(before.tables, after.tables, reset),
        indexes=tuple(
            IndexDelta(old, one, *_relation(old, one, INDEX_COUNTERS, reset))
            for one, old in ((one, old_indexes.get(one.indexrelid)) for one in after.indexes)
        ),
        database=database,
        server=_subtracted(before.server, after.server, crashed or _server_reset(before.began, after.began)),
        settled=before.settled and after.settled,
        notes=tuple(_notes(before, after, reset, statements)),
    )


def table_deltas(before: Iterable[TableCounters], after: Iterable[TableCounters], why: str) -> tuple[TableDelta, ...]:
    """Subtract two looks at the tables; *why* says that all counters were lost, empty if they were not."""
    old = {one.relid: one for one in before}
    return tuple(
        TableDelta(old.get(one.relid), one, *_relation(old.get(one.relid), one, TABLE_COUNTERS, why)) for one in after
    )


def relations_lost(before: Began, after: Began) -> str:
    """Return why no counter of the database, its tables and indexes has a difference; empty if they may have one."""
    lost = counters_lost(before, after)
    if not lost and before.database_reset != after.database_reset:
        return f"counters of the database, or of a table in it, were reset at {after.database_reset}"
    return lost


def _server_reset(before: Began, after: Began) -> str:
    names = ("bgwriter_reset", "checkpointer_reset", "wal_reset")
    changed = [name for name in names if getattr(before, name) != getattr(after, name)]
    return f"{' and '.join(changed)} changed" if changed else ""


def _subtracted(before: Row, after: Row, why: str) -> dict[str, Any]:
    """Subtract each; all are unknown with a reason, or if one went back."""
    if why:
        return dict.fromkeys(after)
    delta = {name: _difference(before, after, name) for name in after}
    # a backend reports one counter in one go: what goes back was reset
    return dict.fromkeys(after) if any((value or 0) < 0 for value in delta.values()) else delta


def _leave_out_own(database: dict[str, Any], before: Snapshot, after: Snapshot) -> None:
    """Take the reader's own commits out of the database's, if both looks are of one reader."""
    same = before.own_backend and before.own_backend == after.own_backend
    if same and before.own_transactions is not None and after.own_transactions is not None:
        own = after.own_transactions - before.own_transactions
        if database.get("xact_commit") is not None:
            database["xact_commit"] -= own


Relation = TypeVar("Relation", TableCounters, IndexCounters)


def _relation(old: Relation | None, new: Relation, names: tuple[str, ...], why: str) -> tuple[dict[str, Any], str]:
    if why:
        return dict.fromkeys(names), why
    if old is None:  # its counters began with it
        return {name: getattr(new, name) for name in names}, ""
    delta = {name: _difference_of(old, new, name) for name in names}
    if any((value or 0) < 0 for value in delta.values()):
        return dict.fromkeys(names), "its counters went back: they were reset"
    return delta, ""


def _difference_of(old: Any, new: Any, name: str) -> Any:
    before, after = getattr(old, name), getattr(new, name)
    # an index that is new to a table turns None into a number
    return after if before is None else None if after is None else after - before


def _notes(before: Snapshot, after: Snapshot, reset: str, statements: StatementDeltas) -> Iterable[str]:
    yield from statements.notes
    if reset:
        yield f"tables, indexes and database are unknown: {reset}"
    for one in after.unreported:
        yield f"tables, indexes and database may lack the work of {one}"
    for one in before.unreported:
        yield f"tables, indexes and database may have earlier work of pid {one.pid}, which had not reported at first"
    yield from dict.fromkeys((*before.hidden, *after.hidden))


def at_mark(rows: Iterable[Row], mark: str) -> list[Row]:
    """Return the rows of one mark; of the last one if a name was used twice.

    >>> at_mark([{"mark": "a", "t_us": 1}, {"mark": "a", "t_us": 2}, {"mark": "b", "t_us": 3}], "a")
    [{'mark': 'a', 't_us': 2}]
    """
    found = [row for row in rows if row["mark"] == mark]
    last_us = max((row["t_us"] for row in found), default=0)
    return [row for row in found if row["t_us"] == last_us]


def database_delta(before: Row | None, after: Row | None) -> dict[str, Any]:
    """Subtract two rows of the record's table ``database``; None for a counter that the server has not.

    All are None if a row is missing, the counters were reset, or the server crashed in between: after a crash even a
    counter that has grown says nothing.

    >>> old = {"xact_commit": 10, "sessions": None, "cluster_reset": "x", "stats_reset": None}
    >>> delta = database_delta(old, {**old, "xact_commit": 15})
    >>> delta["xact_commit"], delta["sessions"]
    (5, None)
    >>> database_delta(old, {**old, "xact_commit": 15, "cluster_reset": "y"})["xact_commit"] is None
    True
    """
    if before is None or after is None or _began_again(before, after, ("cluster_reset", "stats_reset")):
        return dict.fromkeys(DATABASE_COUNTERS)
    delta = {name: _difference(before, after, name) for name in DATABASE_COUNTERS}
    if any(value is not None and value < 0 for value in delta.values()):
        return dict.fromkeys(DATABASE_COUNTERS)
    return delta


def _began_again(before: Row, after: Row, names: tuple[str, ...]) -> bool:
    return any(before.get(name) != after.get(name) for name in names)


def _difference(before: Row, after: Row, name: str) -> Any:
    old, new = before.get(name), after.get(name)
    return None if old is None or new is None else new - old
