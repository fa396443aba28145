"""What each statement did between two looks at pg_stat_statements: pure functions on two snapshots.

Nothing is reset for it: the two are subtracted. Where that says nothing, the result is None, which means unknown, with
the reason: the server crashed, the counters were reset, or the statement was dropped for want of room meanwhile
(``pg_stat_statements.max``) and may have been counted anew.

Before 17 a statement's counters carry no date, and before 14 no reset does. One statement that left, whose sums fell,
whose shortest call became longer or whose longest call shorter makes all unknown there: whether it was reset alone, or
with others that have grown again since, cannot be told; so do a reset that ran, and sums that no calls lead to. Where
each of them has grown beyond what it had, a reset may leave no trace at all: nothing is called complete there.

Source: PostgreSQL manual, "pg_stat_statements"; stddev is of the population, by Welford's method in the server.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import cache
from typing import Any

from lab import sql
from lab.analyse.statement_doubts import RESET, contradicts, doubts, squares, still_running, was_reset
from lab.record.counters import Began, Snapshot, StatementCounters, names_of
from lab.record.tables import TABLES
from lab.sql.columns import LISTS, STATEMENTS, Names
from lab.sql.normal import PLACE, normalise

QUERY, TRANSACTION, LAB = "query", "transaction", "lab"
_CONTROL = re.compile(
    r"(begin|start\s+transaction|commit|end|rollback|abort|savepoint|release|prepare\s+transaction)\b", re.IGNORECASE
)
# what looks at a server; what the lab asks of the app's data, or does in a lesson, is the subject
_LOOKING = ("observe/", "bloat/", "triage/")
_ASKING = re.compile(r"\b(pg|lab)[_.]")  # in every question about a server
_PARTS = {  # what stands in a question beside columns
    "schema": r'(?:"(?:[^"]|"")*"|[\w$]+)',
    "name": "[a-z_]+",
    "signal": "pg_(?:cancel|terminate)_backend",
}
_NOT_DATED = "some lost their counts (reset, or dropped for want of room), and this server does not date the others'"
_PLACE = (
    "userid", "dbid", "toplevel", "queryid", "query", "role", "stats_since", "stddev_exec_ms",
    "min_exec_ms", "max_exec_ms",
)  # fmt: skip
COUNTERS = names_of(StatementCounters, leaving_out=_PLACE)


@dataclass(frozen=True, slots=True)
class StatementDelta:
    """One statement's share between two looks; None where that is unknown, or not counted by this server."""

    userid: int
    toplevel: bool | None
    queryid: int
    query: str
    role: str
    kind: str  # query; transaction: BEGIN, COMMIT and the like; lab: what the lab itself asked
    calls: int | None = None
    plans: int | None = None
    total_plan_ms: float | None = None
    total_exec_ms: float | None = None
    stddev_exec_ms: float | None = None  # of the calls in between
    rows: int | None = None
    shared_blks_hit: int | None = None
    shared_blks_read: int | None = None
    shared_blks_dirtied: int | None = None
    shared_blks_written: int | None = None
    local_blks_hit: int | None = None
    local_blks_read: int | None = None
    temp_blks_read: int | None = None
    temp_blks_written: int | None = None
    blk_read_ms: float | None = None
    blk_write_ms: float | None = None
    wal_records: int | None = None
    wal_fpi: int | None = None
    wal_bytes: int | None = None

    @property
    def mean_exec_ms(self) -> float | None:
        """The mean time of a call; None if it is unknown or there was none."""
        return self.total_exec_ms / self.calls if self.calls and self.total_exec_ms is not None else None

    @property
    def blocks(self) -> int | None:
        """Blocks that were asked for, found in shared buffers or not, and temporary ones read or written."""
        parts = (
            self.shared_blks_hit, self.shared_blks_read, self.local_blks_hit, self.local_blks_read,
            self.temp_blks_read, self.temp_blks_written,
        )  # fmt: skip
        known = [part for part in parts if part is not None]
        return sum(known) if known else None


@dataclass(frozen=True, slots=True)
class StatementDeltas:
    """All statements' shares, the costliest first; those that are unknown last.

    *complete*: True if nothing was dropped for want of room in between, and nothing speaks against it; False if
    statements were dropped, so that calls are missing; None if that cannot be told: *doubts* says why, or nothing is
    known at all. *why* says why nothing is known, empty otherwise. *seen_share*: where statements were dropped, the
    calls that are still counted against the transactions that ended: no transaction is without a statement, so the
    share of the calls that was seen is not above this. *running*: what was not over, in words.
    """

    statements: tuple[StatementDelta, ...]
    complete: bool | None
    why: str = ""
    seen_share: float | None = None
    doubts: tuple[str, ...] = ()
    running: str = ""

    @property
    def notes(self) -> tuple[str, ...]:
        """What makes a figure unknown or too small, in words."""
        first = f"statements are unknown: {self.why}" if self.why else self._dropped
        return tuple(note for note in (first, *(() if self.why else self.doubts), self.running) if note)

    @property
    def _dropped(self) -> str:
        if self.complete is not False:
            return ""
        share = self.seen_share
        seen = f"; of their calls at most {100 * share:.0f} % are counted" if share is not None and share < 1 else ""
        return f"statements were dropped for want of room (pg_stat_statements.max): what is shown lacks some{seen}"

    def of_kind(self, kind: str = QUERY) -> tuple[StatementDelta, ...]:
        """Return the statements of one kind that ran in between, or of which that is not known."""
        return tuple(one for one in self.statements if one.kind == kind and one.calls != 0)


def kind_of(query: str) -> str:
    """Tell what a statement is there for.

    >>> kind_of("SELECT 1"), kind_of("BEGIN"), kind_of("rollback to savepoint a"), kind_of("COMMITTED")
    ('query', 'transaction', 'transaction', 'query')
    """
    if _ASKING.search(query) and _own().fullmatch(normalise(query)):
        return LAB
    return TRANSACTION if _CONTROL.match(query.lstrip()) else QUERY


@cache
def _own() -> re.Pattern[str]:
    """Recognise what the lab itself asks a server about: from 18 on the server keeps no comment before a statement."""
    asking = [name for name in sql.titles() if name.startswith(_LOOKING) and _ASKING.search(sql.load(name))]
    return re.compile("|".join(sorted({form for name in asking for form in _forms(name)})))


def _forms(question: str) -> Iterator[str]:
    """Give patterns of a question's normalised text: whatever values, and the lab's own lists of columns."""
    whole = sql.load(question).replace("{locked}", sql.load("observe/locked"))
    text = re.sub(r"%\(\w+\)s|(?<!:):[a-z_]+", "1", whole)
    form = re.escape(normalise(re.sub(r"(?<!{){(\w+)}(?!})", r"lab_part_\1", text)))
    for part, pattern in _PARTS.items():
        form = form.replace(f"lab_part_{part}", pattern)
    for wanted in _lists(question):
        yield form.replace("lab_part_columns", _listed(wanted))


def _lists(question: str) -> tuple[Names, ...]:
    """Return the lists of columns that a question may be asked with; an empty one if it has no place for them."""
    if question == "observe/statements":  # the record's part of them
        return ({name: STATEMENTS[name] for name in TABLES["statements"].names if name in STATEMENTS},)
    return LISTS.get(question, ({},))


def _listed(wanted: Names) -> str:
    """Return a pattern of a list of columns: each by any name that a server has for it, or as a null."""
    return ", ".join(
        f"(?:{'|'.join([*map(re.escape, names), re.escape(PLACE)])}) as {name}" for name, names in wanted.items()
    )


def statement_deltas(before: Snapshot, after: Snapshot, transactions: int | None = None) -> StatementDeltas:
    """Subtract two looks at the statements of one database.

    :param transactions: how many ended in between, for *seen_share*.
    """
    if before.statements is None or after.statements is None:
        return StatementDeltas((), None, "pg_stat_statements was not there, or could not be read")
    old = {one.key: one for one in before.statements}
    new = {one.key: one for one in after.statements}
    why = counters_lost(before.began, after.began) or _statements_lost(before.began, after.began)
    dropped = _dropped(before.began, after.began)
    # what a server does not date may have gone for one statement or for all: those that grew too
    if not why and not dropped and any(_lost(one, new.get(key)) for key, one in old.items()):
        why = _NOT_DATED
    if not why and was_reset(old, new) and any(one.stats_since is None for one in new.values()):
        why = RESET
    found = [_delta(old.get(key), new.get(key), bool(why), bool(dropped)) for key in {**old, **new}]
    found.sort(key=lambda one: (one.calls is None, -(one.total_exec_ms or 0.0)))
    doubtful = tuple(doubts(before, after))
    complete = None if why else False if dropped else None if doubtful else True
    share = _seen_share(old, new, transactions) if complete is False else None
    return StatementDeltas(tuple(found), complete, why, share, doubtful, still_running(before, after))


def counters_lost(before: Began, after: Began) -> str:
    """Return why no counter has a difference; empty if they may have one.

    After a crash all counters begin again, also those of a server whose postmaster lived on. That resets the views of
    the background writer and of the archiver together, which nobody does who resets one of them.
    """
    began_again = before.bgwriter_reset != after.bgwriter_reset
    also = before.archiver_reset != after.archiver_reset or after.archiver_reset is None
    if began_again and also:
        return f"the server's counters began again at {after.bgwriter_reset}: it crashed, or all were reset"
    return ""


def _statements_lost(before: Began, after: Began) -> str:
    if before.statements_reset != after.statements_reset:
        return f"pg_stat_statements was reset at {after.statements_reset}"
    if before.postmaster_start != after.postmaster_start and after.statements_kept is False:
        return "the server was restarted, and pg_stat_statements.save is off"
    return ""


def _dropped(before: Began, after: Began) -> int | None:
    """Return how many times statements were dropped from the beginning of one look to the end of the other."""
    last = after.statements_dealloc if after.statements_dealloc_after is None else after.statements_dealloc_after
    return None if before.statements_dealloc is None or last is None else last - before.statements_dealloc


def _difference(before: Any, after: Any, name: str) -> Any:
    old, new = getattr(before, name), getattr(after, name)
    return None if old is None or new is None else new - old


def _lost(old: StatementCounters, new: StatementCounters | None) -> bool:
    """Whether a statement whose counters carry no date lost some of them."""
    if old.stats_since is not None or not old.queryid:
        return False
    return new is None or _went_back(old, new)


def _went_back(old: StatementCounters, new: StatementCounters) -> bool:
    """Whether counters began again: a sum is smaller, or the extremes are of other calls."""
    if any((_counted(old, new, name) or 0) < 0 for name in COUNTERS):
        return True
    if old.stats_since is not None or not old.calls:  # where they are dated, the extremes can be reset alone
        return False
    longer = _difference(old, new, "min_exec_ms"), _difference(new, old, "max_exec_ms")
    return any(one is not None and one > 0 for one in longer) or contradicts(old, new)


def _delta(old: StatementCounters | None, new: StatementCounters | None, void: bool, dropped: bool) -> StatementDelta:
    one = new or old
    assert one is not None
    place = {name: getattr(one, name) for name in ("userid", "toplevel", "queryid", "query", "role")}
    kind = kind_of(one.query)
    if new is None or void or not _is_known(old, new, dropped):
        return StatementDelta(**place, kind=kind)
    counts = {name: _counted(old, new, name) for name in COUNTERS}
    return StatementDelta(**place, kind=kind, **counts, stddev_exec_ms=spread_ms(old, new))


def _is_known(old: StatementCounters | None, new: StatementCounters, dropped: bool) -> bool:
    """Whether the same counters ran all the time, or began at 0 in between and were never dropped."""
    if old is None:
        return not dropped
    if old.stats_since != new.stats_since or _went_back(old, new):
        return False
    return not dropped or new.stats_since is not None


def _counted(old: StatementCounters | None, new: StatementCounters, name: str) -> Any:
    return getattr(new, name) if old is None else _difference(old, new, name)


def spread_ms(old: StatementCounters | None, new: StatementCounters) -> float | None:
    """Return the standard deviation of the calls in between, ms; None where the counters do not tell it.

    The sums of squares are rebuilt from each look's mean and deviation, and subtracted. Where a long history leaves
    less of the difference than of the rounding, that is not told.
    """
    sums = [squares(one) for one in (old, new) if one is not None]
    calls = new.calls - (old.calls if old else 0)
    if None in sums or calls <= 0 or new.total_exec_ms is None:
        return None
    total_ms = new.total_exec_ms - ((old.total_exec_ms or 0.0) if old else 0.0)
    known = [part for part in sums if part is not None]
    mean_ms = total_ms / calls
    variance = (known[-1] - (known[0] if old else 0.0)) / calls - mean_ms**2
    rounding = 1e-13 * known[-1] / calls
    told = 100 * rounding <= max(variance, (0.1 * mean_ms) ** 2)
    return math.sqrt(max(0.0, variance)) if told else None


def _seen_share(
    old: dict[Any, StatementCounters], new: dict[Any, StatementCounters], ended: int | None
) -> float | None:
    """Return how many of the calls are in the view, at most; None without transactions to hold them against."""
    if not ended or ended < 0:
        return None
    seen = sum(
        max(0, _since(old.get(key), one))
        for key, one in new.items()
        if one.toplevel is not False and kind_of(one.query) != TRANSACTION
    )
    return min(1.0, seen / ended)


def _since(old: StatementCounters | None, new: StatementCounters) -> int:
    same = old is not None and old.stats_since == new.stats_since and old.calls <= new.calls
    return new.calls - old.calls if same and old is not None else new.calls


assert set(COUNTERS) <= {item.name for item in fields(StatementDelta)}
