"""One statement for each row of another: N+1, recognised in what two looks at pg_stat_statements counted.

A list is read, and then for each of its rows one more statement is sent, each of them quick, so that none shows up
among the slow ones. What gives it away is counts: a statement that returns at most one row for a call, and is called
about as often as another one returns rows.

Such counts may meet by chance. They cannot when there are more calls than transactions: then some transaction must
have sent the statement more than once (*certain*). Where the transactions are known and each has about one statement,
there is no room for any pattern, and none is told. Pooled autocommit has a transaction for each statement, so there it
is never found if they are given. Better than the transactions of pg_stat_database are the requests that were counted.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from lab.analyse.likeness import Use

LEAST_EACH = 3.0  # children for each parent: fewer are no pattern
HIGH = 1.05  # children for each row
LOW, LOW_CERTAIN = 0.9, 0.5  # a session that knows a row already does not ask for it again
ROOM = 0.5  # statements beyond the first of each transaction, for each call of the child: a transaction may be empty
LEAST_CALLS = 10


@dataclass(frozen=True, slots=True)
class NPlusOne:
    """A statement that was sent for each row of another, and what says so."""

    child: Use
    parent: Use | None  # None: no statement returns as many rows; the calls for each transaction tell alone
    each: float | None  # calls of the child for each call of the parent
    per_transaction: float | None  # calls of the child for each transaction, or request
    certain: bool  # more calls than transactions

    @property
    def evidence(self) -> str:
        """Say the counts in a sentence."""
        calls = f"{self.child.calls:,} calls that returned {self.child.rows:,} rows"
        parts = []
        if self.parent is not None:
            parts.append(f"a statement called {self.parent.calls:,} times returned {self.parent.rows:,} rows")
        if self.per_transaction is not None:
            parts.append(f"{self.per_transaction:.1f} calls for each transaction")
        return f"{calls}; " + "; ".join(parts)


def n_plus_one(uses: Iterable[Use], transactions: int | None = None) -> tuple[NPlusOne, ...]:
    """Return the statements that were sent for each row of another, those with the most calls first.

    :param uses: of one run or of the time between two looks, see :func:`lab.analyse.likeness.used`.
    :param transactions: that ended meanwhile, or requests that were answered; None if unknown.
    """
    known = [use for use in uses if use.calls and use.rows is not None]
    sent = sum(use.calls or 0 for use in known)
    room = sent - transactions if transactions else None
    found = [_judged(use, known, transactions) for use in known if _may_be_child(use, room)]
    return tuple(sorted((one for one in found if one), key=lambda one: -(one.child.calls or 0)))


def _may_be_child(use: Use, room: int | None) -> bool:
    """Whether it reads, often, at most one row at a time, and transactions had more than one statement."""
    calls, rows = use.calls or 0, use.rows or 0
    reads = use.statement.startswith(("select", "with")) and " from " in use.statement
    return reads and calls >= LEAST_CALLS and rows <= calls and (room is None or room >= ROOM * calls)


def _judged(child: Use, uses: list[Use], transactions: int | None) -> NPlusOne | None:
    assert child.calls is not None
    per = child.calls / transactions if transactions else None
    certain = per is not None and per > 1
    parents = [use for use in uses if use is not child and _fits(child, use, LOW_CERTAIN if certain else LOW)]
    parent = min(parents, key=lambda use: abs(1 - _for_each_row(child, use)), default=None)
    if parent is None and (per is None or per < LEAST_EACH):
        return None
    each = child.calls / parent.calls if parent and parent.calls else None
    return NPlusOne(child, parent, each, per, certain)


def _fits(child: Use, parent: Use, low: float) -> bool:
    assert child.calls is not None and parent.calls is not None
    many = child.calls / parent.calls >= LEAST_EACH
    return many and low <= _for_each_row(child, parent) <= HIGH


def _for_each_row(child: Use, parent: Use) -> float:
    return (child.calls or 0) / parent.rows if parent.rows else float("inf")
