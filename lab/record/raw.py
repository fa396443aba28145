"""What the parts write while a run goes on: small, appended, and never in the way.

Requests are packed records of 40 bytes in ``requests-P.bin``, or the cells of :mod:`lab.record.histogram` in
``histogram-P.bin``; the generator's lateness is in ``lag-P.bin``; the books, which must balance, are in
``books-P.json``, written last. P is the pid of a load process that works alone, or the number (1, 2, ...) of one of
several, for which the one that leads them writes. The observer writes one JSON object per line to
``observer-PID.jsonl``, with its table's name under the key ``table``. All times are a monotonic clock in microseconds;
the books say by how much a load process's clock differs from the shared one.
"""

import json
import struct
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

# intended (us, monotonic); then microseconds: sent after intended, done after sent, and Server-Timing's pool,
# connect, sql, app; body bytes; HTTP status (0: no answer); index of the route in plan.ROUTES, in the plan's paths, or
# in the names of a locustfile; flags
REQUEST = struct.Struct("<qIIIIIIIHBB")
REQUEST_FIELDS: tuple[tuple[str, str], ...] = (
    ("intended_us", "<i8"),
    ("sent_after_us", "<u4"),
    ("done_after_us", "<u4"),
    ("pool_us", "<u4"),
    ("connect_us", "<u4"),
    ("sql_us", "<u4"),
    ("app_us", "<u4"),
    ("bytes", "<u4"),
    ("status", "<u2"),
    ("route", "u1"),
    ("flags", "u1"),
)
MISSING = 0xFFFFFFFF  # in any of the microsecond fields: not known
LONGEST_US = MISSING - 1

FIRST = 1  # the first request of its TCP connection: it paid for the handshake
FAILED = 2  # no answer, or a status of 400 and more
UNFINISHED = 4  # still in flight when the run ended; done_after_us is its age then
NEVER_SENT = 8  # planned, and not sent before the run ended; done_after_us is its age from the intended start

NAMES = "names.json"  # what a locustfile calls its requests, in the order of their index
FACTS = "locustfile.json"  # what else happened in a locustfile
MOST_NAMES = 255  # that are told apart; the last index is for all others
OTHER_NAMES = "(other names)"
UNANSWERED = "unanswered.json"  # why requests had no answer: counts by kind

SATURATED_PCT = 90.0  # of one core: from there on a load process calls itself saturated
LAG_EVERY_US = 10_000  # how often the generator looks at its own lateness
LAG = struct.Struct("<qI")  # when (us, monotonic), and how late the event loop was then (us)


@dataclass(frozen=True, slots=True)
class Books:
    """One load process's account of a run: planned = done + failed + unfinished, or the run is not valid."""

    process: int  # pid, or the number of one of several
    planned: int
    done: int
    failed: int
    unfinished: int
    started_us: int
    stopped_us: int
    clock_monotonic_us: int  # with clock_unix_us: the same moment on both clocks
    clock_unix_us: int
    cpu_pct: float = 0.0  # of one core, over the load
    saturated: bool = False  # the process's own verdict: it had no time left, and its figures are not the server's
    name: str = ""  # machine or container, and pid
    cpus: float | None = None  # what its container may use; None: no limit
    offset_us: int = 0  # its clock minus the shared one
    offset_error_us: int = 0  # the offset is within this of the true one; 0: both read the same clock
    drift_us: int = 0  # by how much the offset had changed at the end
    late_us: int = 0  # how long after the common start it began
    silent_us: int = 0  # the longest time for which nothing was heard of it
    lost_us: int = 0  # when it was last heard of, if it never closed its books; 0: it did

    @property
    def balanced(self) -> bool:
        """Whether every planned request is accounted for."""
        return self.planned == self.done + self.failed + self.unfinished

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        return asdict(self)


def requests_file(folder: Path, process: int) -> Path:
    """Where the requests of a load process are."""
    return folder / f"requests-{process}.bin"


def histogram_file(folder: Path, process: int) -> Path:
    """Where the counts of a load process are that does not keep each request."""
    return folder / f"histogram-{process}.bin"


def lag_file(folder: Path, process: int) -> Path:
    """Where a load process's event loop's lateness is."""
    return folder / f"lag-{process}.bin"


def books_file(folder: Path, process: int) -> Path:
    """Where a load process's books are, written last of all."""
    return folder / f"books-{process}.json"


def observer_file(folder: Path, who: int | str) -> Path:
    """Where one observer writes its rows, named by its pid or by what it observes; no two write to the same file."""
    return folder / f"observer-{who}.jsonl"


def read_unanswered(folder: Path) -> dict[str, int]:
    """Return how many requests had no answer, by kind of reason; empty where all had one, or nobody told."""
    file = folder / UNANSWERED
    return {str(kind): int(count) for kind, count in _read(file).items()} if file.exists() else {}


def read_names(folder: Path) -> list[str]:
    """Return the names that a locustfile gave its requests; empty for any other load."""
    file = folder / NAMES
    return [str(name) for name in _read(file)] if file.exists() else []


def _read(file: Path) -> Any:
    return json.loads(file.read_text(encoding="utf-8"))
