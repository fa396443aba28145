"""What autovacuum says in the log when a run has ended, read for PostgreSQL 13 to 18 in one form.

Each version says more than the one before, and some of it in other words: 13 and 14 name the oldest transaction beside
the tuples, from 15 on it stands in a line of its own; from 17 on buffers are *read*, before they were *missed*. What a
version does not say is None. Lines that no version here says are kept as they are, and are no error. From 15 on VACUUM
(VERBOSE) says the same, and is read too.

The message comes when the run has ended; with its duration in it, it tells when the run began.

Source: PostgreSQL's ``vacuumlazy.c`` and ``analyze.c``, and what servers of each version wrote.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from typing import Any

from lab.record.log_message import LogMessage

_VACUUM = re.compile(
    r"(?:INFO:\s+)?(?:automatic (?P<aggressive>aggressive )?vacuum (?P<wraparound>to prevent wraparound )?of table "
    r'|finished vacuuming )"(?P<table>.*?)": index scans: (?P<index_scans>\d+)(?:\n|$)',
    re.DOTALL,
)
_ANALYZE = re.compile(
    r'(?:INFO:\s+)?(?:automatic analyze of|finished analyzing) table "(?P<table>.*?)"'
    r"(?: (?P<rest>system usage: .*))?(?:\n|$)",
    re.DOTALL,
)
# VACUUM (VERBOSE) of PostgreSQL 15 and later, then of 13 and 14
_NOT_YET = re.compile(r"(\d+) are dead but not yet removable|(\d+) dead row versions cannot be removed yet")
_LINES = tuple(
    re.compile(pattern)
    for pattern in (
        r"pages: (?P<pages_removed>\d+) removed, (?P<pages_remain>\d+) remain"
        r"(?:, (?P<pages_pinned>\d+) skipped due to pins, (?P<pages_frozen_skipped>\d+) skipped frozen)?"
        r"(?:, (?P<pages_scanned>\d+) scanned \([\d.]+% of total\))?(?:, (?P<pages_eager>\d+) eagerly scanned)?",
        r"tuples: (?P<rows_removed>\d+) removed, (?P<rows_remain>\d+) remain"
        r", (?P<rows_not_removable>\d+) are dead but not yet removable(?:, oldest xmin: (?P<cutoff_xid>\d+))?",
        r"tuples missed: (?P<rows_missed>\d+) dead from (?P<pages_missed>\d+) pages not removed due to .*",
        r"removable cutoff: (?P<cutoff_xid>\d+), which was (?P<cutoff_age>-?\d+) XIDs old when operation ended",
        r"new relfrozenxid: (?P<new_relfrozenxid>\d+), which is -?\d+ XIDs ahead of previous value",
        r"new relminmxid: (?P<new_relminmxid>\d+), which is -?\d+ MXIDs ahead of previous value",
        r"frozen: (?P<pages_frozen>\d+) pages from table \([\d.]+% of total\) had (?P<rows_frozen>\d+) tuples frozen",
        r"visibility map: (?P<pages_set_visible>\d+) pages set all-visible, "
        r"(?P<pages_set_frozen>\d+) pages set all-frozen \(\d+ were all-visible\)",
        r"index scan (?P<index_scan>needed|not needed|bypassed by failsafe|bypassed): \d+ pages from table "
        r"\([\d.]+% of total\) (?:had|have) (?P<dead_items>\d+) dead item identifiers(?: removed)?",
        r'index ".*": pages: \d+ in total, \d+ newly deleted, \d+ currently deleted, \d+ reusable',
        r"delay time: (?P<delay_ms>[\d.]+) ms",
        r"I/O timings: read: (?P<read_ms>[\d.]+) ms, write: (?P<write_ms>[\d.]+) ms",
        r"avg read rate: (?P<read_mb_per_s>[\d.]+) MB/s, avg write rate: (?P<write_mb_per_s>[\d.]+) MB/s",
        r"buffer usage: (?P<blocks_hit>\d+) hits, (?P<blocks_read>\d+) (?:misses|reads), "
        r"(?P<blocks_dirtied>\d+) dirtied",
        r"WAL usage: (?P<wal_records>\d+) records, (?P<wal_images>\d+) full page images, (?P<wal_bytes>\d+) bytes"
        r"(?:, (?P<wal_buffers_full>\d+) buffers full)?",
        r"system usage: CPU: user: (?P<user_s>[\d.]+) s, system: (?P<system_s>[\d.]+) s, "
        r"elapsed: (?P<elapsed_s>[\d.]+) s",
    )
)


@dataclass(frozen=True, slots=True)
class Run:
    """One run of autovacuum on one table. *table* is database.schema.table as the log has it, without quoting."""

    action: str  # vacuum or analyze
    table: str
    ended_at: datetime | None = None
    pid: int | None = None
    aggressive: bool = False
    wraparound: bool = False  # to prevent it: such a run does not give way to others
    index_scans: int | None = None
    pages_removed: int | None = None
    pages_remain: int | None = None
    pages_pinned: int | None = None
    pages_frozen_skipped: int | None = None
    pages_scanned: int | None = None
    pages_eager: int | None = None
    rows_removed: int | None = None
    rows_remain: int | None = None
    rows_not_removable: int | None = None
    rows_missed: int | None = None
    pages_missed: int | None = None
    cutoff_xid: int | None = None  # rows that died before it could be removed
    cutoff_age: int | None = None
    new_relfrozenxid: int | None = None
    new_relminmxid: int | None = None
    pages_frozen: int | None = None
    rows_frozen: int | None = None
    pages_set_visible: int | None = None
    pages_set_frozen: int | None = None
    index_scan: str | None = None
    dead_items: int | None = None
    delay_ms: float | None = None
    read_ms: float | None = None
    write_ms: float | None = None
    read_mb_per_s: float | None = None
    write_mb_per_s: float | None = None
    blocks_hit: int | None = None
    blocks_read: int | None = None
    blocks_dirtied: int | None = None
    wal_records: int | None = None
    wal_images: int | None = None
    wal_bytes: int | None = None
    wal_buffers_full: int | None = None
    user_s: float | None = None
    system_s: float | None = None
    elapsed_s: float | None = None
    unknown: tuple[str, ...] = ()  # lines that no pattern here knows

    @property
    def began_at(self) -> datetime | None:
        """When it began, to 10 ms; None if the log does not tell when it ended or how long it took."""
        if self.ended_at is None or self.elapsed_s is None:
            return None
        return self.ended_at - timedelta(seconds=self.elapsed_s)


_KINDS = {field.name: (float if "float" in str(field.type) else int) for field in fields(Run)}


def run(message: LogMessage) -> Run | None:
    """Read one message; None if it is not of a run of autovacuum (or of VACUUM VERBOSE, from 15 on).

    >>> tuples = "tuples: 5 removed, 9 remain, 0 are dead but not yet removable"
    >>> said = f'automatic vacuum of table "app.public.t": index scans: 0\\n{tuples}'
    >>> found = run(LogMessage(said))
    >>> found.table, found.rows_removed, found.elapsed_s
    ('app.public.t', 5, None)
    >>> run(LogMessage("checkpoint starting: time")) is None
    True
    """
    head = _VACUUM.match(message.text)
    if head:
        base = Run(
            "vacuum", head["table"], message.at, message.pid, bool(head["aggressive"]), bool(head["wraparound"]),
            int(head["index_scans"]),
        )  # fmt: skip
        return _filled(base, message.text[head.end() :].split("\n"))
    head = _ANALYZE.match(message.text)
    if head:
        rest = [head["rest"]] if head["rest"] else []
        base = Run("analyze", head["table"], message.at, message.pid)
        return _filled(base, [*rest, *message.text[head.end() :].split("\n")])
    return None


def runs(messages: Iterable[LogMessage]) -> tuple[Run, ...]:
    """Return the runs among a log's messages, in their order."""
    return tuple(found for message in messages if (found := run(message)) is not None)


def _filled(base: Run, lines: Iterable[str]) -> Run:
    values: dict[str, Any] = {}
    unknown = []
    for line in filter(None, map(str.strip, lines)):
        match = next((found for pattern in _LINES if (found := pattern.fullmatch(line))), None)
        if match is None:
            unknown.append(line)
            continue
        values |= {name: _number(name, text) for name, text in match.groupdict().items() if text is not None}
    return replace(base, **values, unknown=tuple(unknown))


def _number(name: str, text: str) -> str | int | float:
    if name == "index_scan":
        return text
    try:
        return _KINDS[name](text)
    except ValueError:  # digits and points that are no number
        return 0.0


def not_removable(notices: str) -> int:
    """Return how many dead rows VACUUM (VERBOSE) says that it had to leave.

    >>> not_removable("tuples: 0 removed, 2000 remain, 1000 are dead but not yet removable")
    1000
    >>> not_removable("DETAIL:  7 dead row versions cannot be removed yet, oldest xmin: 801")
    7
    """
    return sum(int(new or old) for new, old in _NOT_YET.findall(notices))
