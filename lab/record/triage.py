"""What a look at a server's sessions gives, as values: who does what, who waits for whom, and what a signal hit.

A session is named by what it is doing, not by its pid: a pooled connection keeps its pid and its ``backend_start`` from
one request to the next. An :class:`Identity` says *this query*, *this transaction* or *this idle time*, exact to the
microsecond in which the server says that it began, and is written as one word.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from lab.errors import UsageError

QUERY, TRANSACTION, IDLE = "query", "transaction", "idle"  # what an identity stands for
CLIENT = "client backend"
ACTIVE = ("active", "fastpath function call")
UNSEEN = "<insufficient privilege>"  # the server's own words, in place of the query
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TOKEN = re.compile(r"(\d+)@([0-9a-z]+)-([qti])(-?[0-9a-z]+)")
_MICROSECOND = timedelta(microseconds=1)


def base36(number: int) -> str:
    """Write a whole number in the digits 0 to z.

    >>> base36(35), base36(36), base36(-71), base36(0)
    ('z', '10', '-1z', '0')
    """
    left, digits = abs(number), ""
    while left:
        left, digit = divmod(left, 36)
        digits = _DIGITS[digit] + digits
    return ("-" if number < 0 else "") + (digits or "0")


@dataclass(frozen=True, slots=True)
class Identity:
    """One query, one transaction or one idle time of one session. *since* is when it began, by the server's clock."""

    pid: int
    backend_start: datetime
    kind: str
    since: datetime

    def __str__(self) -> str:
        """Write it as one word: pid, the session's start, and what began how long after that, in microseconds."""
        started = (self.backend_start - _EPOCH) // _MICROSECOND
        after = (self.since - self.backend_start) // _MICROSECOND
        return f"{self.pid}@{base36(started)}-{self.kind[0]}{base36(after)}"

    @classmethod
    def parse(cls, text: str) -> "Identity":
        """Read what :meth:`__str__` wrote.

        :raises UsageError: if it is no such word.

        >>> str(Identity.parse("812@ll8whqdaps-q3f9k"))
        '812@ll8whqdaps-q3f9k'
        """
        match = _TOKEN.fullmatch(text)
        if match is None:
            raise UsageError(f"{text!r} names no session; take the word from the first column of `lab activity`")
        kind = next(kind for kind in (QUERY, TRANSACTION, IDLE) if kind[0] == match.group(3))
        try:
            start = _EPOCH + int(match.group(2), 36) * _MICROSECOND
            return cls(int(match.group(1)), start, kind, start + int(match.group(4), 36) * _MICROSECOND)
        except OverflowError:
            raise UsageError(f"{text!r} names no moment; take the word from `lab activity`") from None


@dataclass(frozen=True, slots=True)
class Session:
    """One process of the server as ``pg_stat_activity`` shows it; what may not be seen is None."""

    pid: int
    user: str | None
    database: str | None
    application: str
    client: str | None  # its address; None for a Unix socket
    backend_type: str | None
    leader_pid: int | None  # of a parallel worker, and of its leader
    backend_start: datetime | None
    xact_start: datetime | None
    query_start: datetime | None
    state_change: datetime | None
    state: str | None
    wait_event_type: str | None
    wait_event: str | None
    query: str
    query_id: int | None  # None before 14, and where none is computed
    has_xid: bool
    has_xmin: bool
    seen_at: datetime
    blocked_by: tuple[int, ...] = ()  # 0 stands for a prepared transaction

    @property
    def hidden(self) -> bool:
        """Whether the role that looked may not see what this session does."""
        return self.backend_type is None and self.query == UNSEEN

    @property
    def hidden_client(self) -> bool:
        """Whether it is hidden and has a role and a database, as clients have; the server's own processes lack one."""
        return self.hidden and self.user is not None and self.database is not None

    @property
    def identity(self) -> Identity | None:
        """What it is doing, to be signalled; None where that cannot be told (hidden, or track_activities is off)."""
        kind, since = self._now()
        if kind is None or since is None or self.backend_start is None:
            return None
        return Identity(self.pid, self.backend_start, kind, since)

    @property
    def state_s(self) -> float | None:
        """How long it has been at this: its query, its idleness in the transaction, or its idleness."""
        return self._since(self.query_start if self.state in ACTIVE else self.state_change)

    @property
    def transaction_s(self) -> float | None:
        """The age of its transaction; None if there is none."""
        return self._since(self.xact_start)

    def _now(self) -> tuple[str | None, datetime | None]:
        if self.state in ACTIVE:
            return QUERY, self.query_start
        if self.state is not None and self.state.startswith("idle in transaction"):
            return TRANSACTION, self.xact_start or self.state_change  # one that has failed has no xact_start
        return (IDLE, self.state_change) if self.state == "idle" else (None, None)

    def _since(self, moment: datetime | None) -> float | None:
        return None if moment is None else max((self.seen_at - moment).total_seconds(), 0.0)


@dataclass(frozen=True, slots=True)
class Lock:
    """One row of ``pg_locks``. *tag* names what is locked, exactly; *what* is the same for people."""

    pid: int | None  # None: of a prepared transaction
    mode: str
    granted: bool
    tag: tuple[Any, ...] = field(repr=False)
    what: str
    waitstart: datetime | None = None  # 14 and later
    prepared_xid: str | None = None


@dataclass(frozen=True, slots=True)
class Prepared:
    """A prepared transaction: it holds its locks until somebody commits it or rolls it back."""

    xid: str
    gid: str
    owner: str
    database: str
    prepared_at: datetime


@dataclass(frozen=True, slots=True)
class Scene:
    """One look at sessions and their locks. *locks* are of those who wait or are waited for, *prepared* of all."""

    sessions: tuple[Session, ...]
    locks: tuple[Lock, ...] = ()
    prepared: tuple[Prepared, ...] = ()
    _by_pid: Mapping[int, Session] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Index the sessions: each is asked for by every one that waits for it."""
        object.__setattr__(self, "_by_pid", {one.pid: one for one in self.sessions})

    def session(self, pid: int) -> Session | None:
        """Return the session of a pid; None if it was not there."""
        return self._by_pid.get(pid)


@dataclass(frozen=True, slots=True)
class Sample:
    """One jittered look: how many client sessions were in each (state, wait_event_type, wait_event).

    *hidden*: sessions of which the role sees only that they are there; they are not in the counts.
    """

    at_s: float  # since the first moment that was due
    counts: Mapping[tuple[str | None, str | None, str | None], int]
    hidden: int = 0


# what came of a signal
SENT = "sent"
GONE, CHANGED, NOT_ACTIVE, IN_TRANSACTION = "gone", "changed", "not active", "idle in transaction"
OWN, NO_CLIENT, NOT_PERMITTED, HIDDEN = "own session", "no client session", "not permitted", "hidden"
BUSY = "busy"  # the server was given no CPU between comparing and signalling, each time


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a guarded signal hit, or why nothing was sent.

    *certain*: looked at again right after the signal, the session had begun nothing new, so nothing else can have had
    it. False: what was aimed at ended in the same moment, and what came next may have been hit. *ended*: whether what
    was aimed at was over within the wait; None if nothing was sent.
    """

    act: str  # cancel or terminate
    target: Identity
    outcome: str
    found: Session | None  # what the signalling statement itself saw; None if nothing is there
    certain: bool | None = None
    ended: bool | None = None
    took_ms: float | None = None  # until it had ended
    reason: str = ""  # the server's own words, where it refused

    @property
    def sent(self) -> bool:
        """Whether a signal was sent."""
        return self.outcome == SENT

    def as_json(self) -> dict[str, Any]:
        """Return plain values, for programs."""
        found = self.found
        return {
            "act": self.act,
            "target": str(self.target),
            "pid": self.target.pid,
            "since": self.target.since.isoformat(),
            "outcome": self.outcome,
            "sent": self.sent,
            "certain": self.certain,
            "ended": self.ended,
            "took_ms": self.took_ms,
            "user": found.user if found else None,
            "database": found.database if found else None,
            "application": found.application if found else None,
            "state": found.state if found else None,
            "query": found.query if found else None,
            "text": str(self),
        }

    def __str__(self) -> str:
        """Say it in one line."""
        return self._said() if self.sent else f"nothing was sent: {_why(self)}"

    def _said(self) -> str:
        verb = "cancelled" if self.act == "cancel" else "terminated"
        end = "" if self.ended else "; it had not ended yet" if self.act == "terminate" else "; it still runs"
        doubt = (
            ""
            if self.certain
            else "; it was over before a second look: had it just ended by itself, what came next was hit"
        )
        return f"{verb if self.ended else 'sent a signal to'} {described(self.found, self.target)}{end}{doubt}"


def described(found: Session | None, target: Identity) -> str:
    """Say who and what: pid, user, application, what it does and since when, and the start of its query."""
    if found is None:
        return f"pid {target.pid}"
    who = f"pid {found.pid} ({found.user or 'no user'}@{found.database or 'no database'}"
    who += f", {found.application})" if found.application else ")"
    age = "" if found.state_s is None else f" for {found.state_s:.1f} s"
    return f"{who}, {found.state or found.backend_type or 'in no state'}{age}: {short(found.query) or 'no query yet'}"


def no_client(found: Session) -> str:
    """Say of a process of the server's own what it is, and what becomes of it where that is of use."""
    kind = found.backend_type or "process of no known kind"
    one_of_several = kind.endswith(("worker", "walsender", "kind"))
    article = ("an" if kind[0] in "aeiou" else "a") if one_of_several else "the"
    of = f" of {found.leader_pid}" if kind == "parallel worker" and found.leader_pid else ""
    return f"pid {found.pid} is {article} {kind}{of}, it serves no client{_BECOMES.get(kind, '')}"


# PostgreSQL manual, "Routine Vacuuming", "The Autovacuum Daemon"
_BECOMES = {
    "parallel worker": "; it ends with its leader",
    "walsender": "; it streams to a replica or a backup",
    "autovacuum worker": "; unless it prevents wraparound, it gives way to whom it blocks",
}


def short(query: str, length: int = 60) -> str:
    """Return a query as one line of at most *length* characters.

    >>> short("SELECT 1,  2\\n", 9)
    'SELECT 1…'
    """
    line = " ".join(query.split())
    return line if len(line) <= length else line[: length - 1] + "…"


def _why(receipt: Receipt) -> str:
    pid, found = receipt.target.pid, described(receipt.found, receipt.target)
    aimed = {QUERY: "query", TRANSACTION: "transaction", IDLE: "idle time"}[receipt.target.kind]
    return {
        GONE: f"pid {pid} is gone, or is another session now",
        CHANGED: f"a statement runs in that transaction now: {found}"
        if _in_it(receipt)
        else f"it is not at that {aimed} any more: {found}",
        NOT_ACTIVE: f"there is no query to cancel: {found}",
        IN_TRANSACTION: f"a cancel does nothing to {found}; terminate it",
        OWN: f"pid {pid} is the session that would have sent the signal",
        NO_CLIENT: no_client(receipt.found) if receipt.found else f"pid {pid} serves no client",
        NOT_PERMITTED: f"{receipt.reason}; be a member of the session's role or of pg_signal_backend, "
        "and for a superuser's session a superuser",
        BUSY: f"the server is too busy to aim at something this short: {found}; try again",
        HIDDEN: f"what pid {pid} does may not be seen, so it cannot be guarded; grant pg_read_all_stats (pg_monitor)",
    }[receipt.outcome]


def _in_it(receipt: Receipt) -> bool:
    """Whether the transaction that was aimed at goes on, and only is not idle."""
    found, aim = receipt.found, receipt.target
    return aim.kind == TRANSACTION and found is not None and found.state in ACTIVE and found.xact_start == aim.since
