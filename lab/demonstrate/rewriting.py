"""VACUUM FULL: what it takes on disk while it works, and how long those who read the table wait.

It writes the live rows to a new file, builds the indexes anew, and gives the old file up when it commits: until then
both are there. It holds an ACCESS EXCLUSIVE lock from beginning to end, the one mode that keeps a plain SELECT waiting.

The disk is looked at while VACUUM FULL stands at the gate of :mod:`lab.demonstrate.probing`, when the new file is
written and the old one is not given up. Waits are taken from a run that nothing stops, by a reader who asks for one row
at fixed times; each counts from the moment at which the question was due.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from lab.demonstrate import quiet
from lab.demonstrate.apart import Apart, apart
from lab.demonstrate.bench import Bench
from lab.demonstrate.probing import FULL, SCENE, Holder, holding
from lab.demonstrate.together import beside
from lab.errors import LabError
from lab.process import wait_until

EVERY_S = 0.01
WIDTH = 300  # characters of a row's text: some 24 rows in a page
_AROUND = 20  # questions before the statement, and after it
_PATIENCE_S = 30.0
_BEHIND_S = 0.1  # a reader who waits longer has questions left from before


@dataclass(frozen=True, slots=True)
class Disk:
    """The table's file before, and what a rewrite took beside it. *beside_bytes*: what the database grew meanwhile."""

    how: str
    mode: str  # of the lock that was held meanwhile; empty if it was not seen
    before_bytes: int
    beside_bytes: int
    after_bytes: int
    free_before_pct: float


def disk(bench: Bench, how: Holder = FULL, rows: int = 20_000) -> Disk:
    """Delete half of a table, vacuum, and then let *how* rewrite it; *bench* is of :func:`quiet.server`."""
    with bench.reader() as reader:
        quiet.scene(reader, SCENE, rows)
        reader.rows("vacuum/gate")
        reader.rows("vacuum/delete_half")
        reader.rows("vacuum/vacuum")
        before, free = reader.value("vacuum/size"), reader.rows("vacuum/exact")[0][3]
        total, mode = reader.value("vacuum/database_size"), ""
        if how.gate:
            with holding(bench, reader, how, finish=True) as (_, mode):
                meanwhile = reader.value("vacuum/database_size")
        else:
            reader.rows(how.do)
            meanwhile = reader.value("vacuum/database_size")
        return Disk(how.name, mode, before, meanwhile - total, reader.value("vacuum/size"), free)


@dataclass(frozen=True, slots=True)
class Question:
    """When a question was due, counted from the beginning of the statement, and when it was answered; milliseconds."""

    due_ms: float
    answered_ms: float

    @property
    def wait_ms(self) -> float:
        """How long the reader waited."""
        return self.answered_ms - self.due_ms


@dataclass(frozen=True, slots=True)
class Beside:
    """What a reader of the table saw beside a statement that took *took_ms*."""

    how: str
    took_ms: float
    file_bytes: int  # before it
    questions: tuple[Question, ...]

    @property
    def longest_ms(self) -> float:
        """The longest wait of a question that was due while the statement ran, or just before."""
        return max(one.wait_ms for one in self.questions)

    @property
    def answered(self) -> int:
        """How many questions were due and answered in its first nine tenths: its end is not seen at once."""
        return sum(one.due_ms >= 0 and one.answered_ms <= 0.9 * self.took_ms for one in self.questions)

    @property
    def blocked(self) -> float:
        """The longest wait as a share of the time that the statement took."""
        return self.longest_ms / self.took_ms


AS_AUTOVACUUM = Holder("VACUUM", "vacuum/vacuum", slowly=True)
REWRITE = Holder("VACUUM FULL", "vacuum/vacuum_full")


def read_beside(bench: Bench, how: Holder, rows: int | None = None) -> Beside:
    """Delete half of a table and run *how*, while somebody reads one row a hundred times a second.

    :param how: with *slowly* it rests as autovacuum does by default (``vacuum_cost_delay`` of 2 ms).
    :param rows: of the table before; by default by the lab's scale.
    """
    with bench.reader() as reader, apart(bench, SCENE) as session, apart(bench, SCENE) as asking:
        quiet.scene(reader, SCENE, rows or bench.scaled(60_000, 300_000), WIDTH)
        reader.rows("vacuum/delete_half")
        size = reader.value("vacuum/size")
        if how.slowly:
            session.reader.rows("vacuum/as_autovacuum")
            reader.rows("server/checkpoint")  # pages that are written already count in full
        bench.say(f"reading beside {how.name}")
        with _reader(asking) as asked:
            _wait_for_answers(asked, _AROUND)
            began_s = time.monotonic()
            session.reader.rows(how.do)
            ended_s = time.monotonic()
            _wait_for_answers(asked, len(asked) + _AROUND)
    questions = tuple(Question(1000 * (due_s - began_s), 1000 * (done_s - began_s)) for due_s, done_s in asked)
    return Beside(how.name, 1000 * (ended_s - began_s), size, questions)


@contextmanager
def _reader(session: Apart) -> Iterator[list[tuple[float, float]]]:
    """Ask at fixed times while the body runs; lend the list of when each was due and answered, on the shared clock."""
    asked: list[tuple[float, float]] = []

    def ask(over: threading.Event) -> None:
        due_s = time.monotonic()
        while not over.wait(max(0.0, due_s - time.monotonic())):
            session.reader.rows("vacuum/read_row")
            asked.append((due_s, time.monotonic()))
            due_s += EVERY_S

    with beside(ask):
        yield asked


def _wait_for_answers(asked: list[tuple[float, float]], count: int) -> None:
    """Wait until there are *count* answers, and the reader is not behind any more."""

    def there() -> bool:
        return len(asked) >= count and asked[-1][1] - asked[-1][0] < _BEHIND_S

    if not wait_until(there, _PATIENCE_S, EVERY_S):
        raise LabError(f"a reader was not answered {count} times in time within {_PATIENCE_S:g} s; try again")
