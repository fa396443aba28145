"""What if an index were there, or were gone? Tried on the lab's own database, in a transaction that is rolled back.

Before an index is added its table is vacuumed and analyzed, which no transaction takes back: what dead rows and old
statistics cost is no effect of the index. A drop is tried on a copy, and vacuums nothing.

The index is there throughout the transaction; the side without it drops it behind a savepoint, asks, and goes back,
which takes a moment instead of building it again. Both sides of a pair follow each other in random order; the effect is
that of :mod:`lab.analyse.comparison`: the geometric mean of the pairs' ratios with its interval. Blocks and WAL are
counts, and the same on every machine.

What it tells: one statement of one client, from a warm cache. What it does not: what others do meanwhile, and what all
the other statements gain or lose. For the time of the trial nobody else can read or write the table. Its scans are
kept out of the statistics views, where they would be evidence for the next look; where the role may not do that, the
result says so.

A drop is tried on a copy of the table: what does it take to write a thousand of its rows, with the index and without?
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import psycopg2
from psycopg2.extensions import connection as Connection

from lab import sql
from lab.analyse.comparison import Interval, interval, judge
from lab.demonstrate.whatif_trial import Side, Trial, text
from lab.errors import ServerError
from lab.record.indexes import Finding
from lab.server import data
from lab.units import format_bytes, format_ms, format_ratio

PAIRS = 6
ROWS_WRITTEN = 1000


@dataclass(frozen=True, slots=True)
class Tried:
    """A statement before a change and after it; *effect* is time after / before, *verdict* as in a comparison."""

    change: str
    statement: str
    before: Side
    after: Side
    effect: Interval
    verdict: str
    reasons: tuple[str, ...]
    is_counted: bool = False  # its scans stand in the statistics views, since the role may not keep them out

    @property
    def told(self) -> str:
        """One sentence: the verdict, times with interval, blocks, WAL, plan."""
        bounds = self.effect
        between = f" ({format_ratio(bounds.low)} to {format_ratio(bounds.high)})" if bounds.low is not None else ""
        parts = [
            f"{self.verdict}: {format_ms(self.before.ms)} before, {format_ms(self.after.ms)} after, "
            f"{format_ratio(bounds.ratio)} times{between}",
            f"{self.before.blocks} blocks before, {self.after.blocks} after",
        ]
        if self.before.wal_bytes or self.after.wal_bytes:
            parts.append(
                f"{format_bytes(self.before.wal_bytes)} of WAL before, {format_bytes(self.after.wal_bytes)} after"
            )
        else:
            parts.append(f"{', '.join(self.before.plan)} before, {', '.join(self.after.plan)} after")
        if self.is_counted:
            parts.append("the scans of this trial are counted from now on: a later look takes them for evidence")
        return f"{'; '.join(parts)}; {self.statement}"

    def as_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {**asdict(self), "why_not": ""}


@dataclass(frozen=True, slots=True)
class NotTried:
    """Why a cure could not be tried."""

    why_not: str

    @property
    def told(self) -> str:
        """The same in a sentence."""
        return f"not tried: {self.why_not}"

    def as_json(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)


def tried(dsn: str, finding: Finding, pairs: int = PAIRS) -> Tried | NotTried:
    """Try the cure of a finding: a lookup with the index that is missing, or writing without the one that could go.

    :raises NotMarkedError: if the database is not the lab's own.
    """
    try:
        if finding.kind == "missing":
            return _missing(dsn, finding, pairs)
        return dropped(dsn, finding.table, finding.index, pairs)
    except psycopg2.Error as error:
        return NotTried(" ".join(str(error).split()))


def _missing(dsn: str, finding: Finding, pairs: int) -> Tried | NotTried:
    if "?" in finding.columns:
        return NotTried("which columns the index should have is not known")
    with _lent(dsn) as connection, _rolled_back(connection) as (cursor, _):
        found = _value(cursor, finding)
    if found is None:
        return NotTried(f"{finding.table} has no row to look for")
    condition = " AND ".join(f"{column} = %({number})s" for number, column in enumerate(finding.columns))
    statement = text("try_lookup", table=finding.table, condition=condition)
    make = text("try_create", table=finding.table, columns=", ".join(finding.columns))
    return added(dsn, finding.table, make, statement, dict(zip(map(str, range(len(found))), found, strict=True)), pairs)


def _value(cursor: Any, finding: Finding) -> tuple[Any, ...] | None:
    known = " AND ".join(f"{column} IS NOT NULL" for column in finding.columns)
    columns = ", ".join(finding.columns)
    for skip in (500, 0):
        cursor.execute(text("try_value", columns=columns, table=finding.table, known=known, skip=str(skip)))
        row = cursor.fetchone()
        if row:
            return tuple(row)
    return None


def added(
    dsn: str,
    table: str,
    make: str,
    statement: str,
    values: Mapping[str, Any] | None = None,
    pairs: int = PAIRS,
    extension: str = "",
    seed: int = 1,
) -> Tried:
    """Ask *statement* without an index and with it.

    :param table: schema and name; it is vacuumed and analyzed first, and that stays.
    :param make: the statement that makes the index, under the name ``lab_what_if``.
    :param extension: one that *make* needs; it is gone again as well.
    :raises NotMarkedError: if the database is not the lab's own.
    :raises ServerError: if the index cannot be used in the transaction that makes it.
    """
    with _lent(dsn) as connection:
        with connection.cursor() as cursor:
            cursor.execute(text("try_refresh", table=table))
        with _rolled_back(connection) as (cursor, is_counted):
            if extension:
                data.run(connection, "create_extension", extension=data.role(extension))
            cursor.execute(make)
            cursor.execute(text("try_analyze", table=table))
            cursor.execute(text("try_usable"), {"table": table})
            index, is_usable = cursor.fetchone()
            if not is_usable:
                raise ServerError(
                    f"rows of {table} were updated in place while a transaction may still look at them, so an index "
                    "made now serves later transactions only; end what is open, then try again"
                )
            trial = Trial(cursor, text("try_drop", index=index), statement, values)
            without, with_it = trial.sides(pairs, seed)
    return _told(_one_line(make).replace("lab_what_if ", ""), _shown(statement, values), without, with_it, is_counted)


def dropped(
    dsn: str, table: str, index: str, pairs: int = PAIRS, rows: int = ROWS_WRITTEN, seed: int = 1
) -> Tried | NotTried:
    """Write *rows* rows of *table* into a copy of it that has all its indexes, and into one that lacks *index*.

    :param index: schema and name; empty for none, which shows how far a copy differs from itself.
    :raises NotMarkedError: if the database is not the lab's own.
    """
    with _lent(dsn) as connection, _rolled_back(connection) as (cursor, is_counted):
        cursor.execute(text("try_copy", table=table))
        gone = _twin(cursor, index) if index else text("try_nothing")
        if gone is None:
            return NotTried(f"a copy of {table} does not have {index}")
        cursor.execute(text("try_columns"), {"table": table})
        columns = cursor.fetchone()[0]
        statement = text("try_insert", columns=columns, table=table, rows=str(rows))
        without, with_it = Trial(cursor, gone, statement, None).sides(pairs, seed)
    if not with_it.rows:
        return NotTried(f"{table} has no row to write")
    return _told(f"without {index}", f"{with_it.rows} rows of {table} written to a copy", with_it, without, is_counted)


def _twin(cursor: Any, index: str) -> str | None:
    """Return what drops the copy's index that is made as *index* is; None if the copy has none."""
    cursor.execute(text("try_original"), {"index": index})
    original = cursor.fetchone()
    cursor.execute(text("try_copied"))
    for constraint, name, is_unique, made_of in cursor.fetchall():
        if original == (made_of, is_unique):
            if constraint:
                return text("drop_constraint", table="lab.what_if", constraint=constraint)
            return text("try_drop", index=name)
    return None


def _told(change: str, statement: str, before: Side, after: Side, is_counted: bool) -> Tried:
    ratios = [new / old for old, new in zip(before.times_ms, after.times_ms, strict=True)]
    effect = interval(ratios)
    return Tried(change, statement, before, after, effect, *judge(effect, higher_is_faster=False), is_counted)


@contextmanager
def _lent(dsn: str) -> Iterator[Connection]:
    with data.connect(dsn, application_name="lab-admin-whatif") as connection:
        data.guard(connection)  # before anything of it is read: a policy of its owner would run as who tries
        with connection.cursor() as cursor:
            cursor.execute(sql.load("observe/quiet"))  # a trial is no evidence of what the application asks
        yield connection


@contextmanager
def _rolled_back(connection: Connection) -> Iterator[tuple[Any, bool]]:
    """Lend a cursor in a transaction that leaves nothing behind, and whether its scans are counted even so."""
    connection.autocommit = False
    try:
        with connection.cursor() as cursor:
            cursor.execute(text("try_limits"))
            cursor.execute(text("try_uncounted"))
            (is_counted,) = cursor.fetchall()[0]
            yield cursor, is_counted
    finally:
        connection.rollback()
        connection.autocommit = True


def _one_line(statement: str) -> str:
    return " ".join(re.sub(r"--[^\n]*", " ", statement).split())


def _shown(statement: str, values: Mapping[str, Any] | None) -> str:
    return (
        _one_line(statement) % {name: repr(value) for name, value in (values or {}).items()}
        if values
        else _one_line(statement)
    )
