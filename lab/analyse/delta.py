"""What happened between two snapshots of the server's counters: pure functions on the observer's rows.

A counter that was reset, lost in a crash or pushed out in between has no difference: the result is None, which means
unknown, and never a guess. Rows are dicts with the columns of the tables ``database`` and ``statements``.

A session itself commits one transaction when it starts (the server reads its catalogs in it), so without a pool there
are two commits for one request.

Source: PostgreSQL manual, "The Cumulative Statistics System" and "pg_stat_statements".
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

Row = Mapping[str, Any]

DATABASE_COUNTERS = (
    "sessions",
    "xact_commit",
    "xact_rollback",
    "active_ms",
    "idle_in_transaction_ms",
    "blks_read",
    "blks_hit",
)
STATEMENT_COUNTERS = ("calls", "total_exec_ms", "rows")


@dataclass(frozen=True, slots=True)
class StatementDelta:
    """One statement's share between two snapshots; None where that is unknown."""

    userid: int
    toplevel: bool | None
    queryid: int | None
    query: str
    calls: int | None
    total_exec_ms: float | None
    rows: int | None


@dataclass(frozen=True, slots=True)
class StatementDeltas:
    """All statements' shares, the costliest first.

    *complete*: True if no statement was pushed out for want of room in between; False if some were, so that calls are
    missing; None if the server does not tell (before 14) or the counters began again.
    """

    statements: tuple[StatementDelta, ...]
    complete: bool | None


def at_mark(rows: Iterable[Row], mark: str) -> list[Row]:
    """Return the rows of one mark; of the last one if a name was used twice.

    >>> at_mark([{"mark": "a", "t_us": 1}, {"mark": "a", "t_us": 2}, {"mark": "b", "t_us": 3}], "a")
    [{'mark': 'a', 't_us': 2}]
    """
    found = [row for row in rows if row["mark"] == mark]
    last_us = max((row["t_us"] for row in found), default=0)
    return [row for row in found if row["t_us"] == last_us]


def database_delta(before: Row | None, after: Row | None) -> dict[str, Any]:
    """Subtract two rows of the table ``database``; None for a counter that the server has not.

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


def statement_deltas(
    before: Iterable[Row], after: Iterable[Row], database_before: Row, database_after: Row
) -> StatementDeltas:
    """Subtract two marks' rows of the table ``statements``.

    :param database_before: the same mark's row of the table ``database``, which tells of resets and of crowding out.
    :param database_after: the same for the later mark.
    """
    old, new = {_key(row): row for row in before}, {_key(row): row for row in after}
    void = _began_again(database_before, database_after, ("cluster_reset", "statements_reset"))
    # counters of its own tell that a server before 14 lost them: every statement has fewer calls, or is gone
    void = void or (bool(old) and all(_shrunk(row, new.get(key)) for key, row in old.items()))
    complete = None if void else _complete(database_before, database_after)
    deltas = [_statement(old.get(key), new.get(key), void, complete) for key in {**old, **new}]
    deltas.sort(key=lambda delta: -(delta.total_exec_ms or 0.0))
    return StatementDeltas(tuple(deltas), complete)


def _began_again(before: Row, after: Row, names: tuple[str, ...]) -> bool:
    return any(before.get(name) != after.get(name) for name in names)


def _difference(before: Row, after: Row, name: str) -> Any:
    old, new = before.get(name), after.get(name)
    return None if old is None or new is None else new - old


def _complete(before: Row, after: Row) -> bool | None:
    dropped = _difference(before, after, "statements_dealloc")
    return None if dropped is None else bool(dropped == 0)


def _key(row: Row) -> tuple[Any, ...]:
    return row["userid"], row.get("toplevel"), row["queryid"]


def _shrunk(old: Row, new: Row | None) -> bool:
    return new is None or new["calls"] < old["calls"]


def _statement(old: Row | None, new: Row | None, void: bool, complete: bool | None) -> StatementDelta:
    row = new or old or {}
    known = new is not None and not void and _is_known(old, new, complete)
    counts = {name: new[name] - (old[name] if old else 0) if new and known else None for name in STATEMENT_COUNTERS}
    return StatementDelta(row["userid"], row.get("toplevel"), row["queryid"], row["query"], **counts)


def _is_known(old: Row | None, new: Row, complete: bool | None) -> bool:
    """Whether the same counters ran all the time, or began at 0 in between and were never dropped."""
    if old is None:
        return complete is not False
    if old.get("stats_since") != new.get("stats_since") or new["calls"] < old["calls"]:
        return False
    return complete is not False or new.get("stats_since") is not None
