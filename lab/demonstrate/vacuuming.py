"""What VACUUM does to a table's file and to what the planner knows.

VACUUM makes the place of dead rows free for new ones, in the same file. The file gets shorter only where its last pages
are empty: VACUUM gives them back at its very end, if it gets an ACCESS EXCLUSIVE lock for that within five seconds, and
if ``vacuum_truncate`` does not forbid it. What the planner knows of the values comes from ANALYZE alone.

Source: PostgreSQL's ``vacuumlazy.c`` (``should_attempt_truncation``, ``lazy_truncate_heap``).
"""

import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from types import EllipsisType

import psycopg2

from lab.demonstrate import quiet
from lab.demonstrate.apart import Apart, apart
from lab.demonstrate.bench import Bench, Reader
from lab.demonstrate.together import Together

ROWS = 20_000
_SCENE = "vacuuming"
_EVERY_S = 0.02


@dataclass(frozen=True, slots=True)
class Stage:
    """A table after a step: the length of its file, and the share of it that is dead or free, percent."""

    name: str
    file_bytes: int
    dead_pct: float
    free_pct: float


FILLED, DELETED, VACUUMED, REFILLED = "filled", "half deleted", "VACUUM", "filled again"
STEPS = (
    (DELETED, "vacuum/delete_half"),
    (VACUUMED, "vacuum/vacuum"),
    (REFILLED, "vacuum/refill"),
)


def file(bench: Bench, steps: Sequence[tuple[str, str]] = STEPS) -> dict[str, Stage]:
    """Take a new table through *steps* (name, statement); return it after each. *bench* is of :func:`quiet.server`."""
    with bench.reader() as reader:
        quiet.scene(reader, _SCENE, ROWS)
        stages = {FILLED: _stage(reader, FILLED)}
        for name, do in steps:
            bench.say(name)
            reader.rows(do)
            stages[name] = _stage(reader, name)
        return stages


def _stage(reader: Reader, name: str) -> Stage:
    _, _, dead_pct, free_pct = reader.rows("vacuum/exact")[0]
    return Stage(name, reader.value("vacuum/size"), dead_pct, free_pct)


@dataclass(frozen=True, slots=True)
class Tail:
    """A table whose second half was deleted, before and after VACUUM.

    *phases*: those of the VACUUM that were seen, in their order, as pg_stat_progress_vacuum names them.
    """

    name: str
    before_bytes: int
    after_bytes: int
    dead_after: int
    took_s: float
    phases: tuple[str, ...]

    @property
    def kept(self) -> float:
        """The length of the file after VACUUM, as a share of what it was before."""
        return self.after_bytes / self.before_bytes


@dataclass(frozen=True, slots=True)
class Case:
    """What may keep VACUUM from shortening the file. *prepare* and *beside* are statements, or empty."""

    name: str
    prepare: str = ""
    beside: str = ""  # run in a session that then stays idle in its transaction


ALONE = Case("nobody reads it")
READ = Case("a reader, idle in transaction", beside="vacuum/read_on")
FORBIDDEN = Case("vacuum_truncate = false", prepare="vacuum/keep_tail")
CASES = (ALONE, FORBIDDEN, READ)


def tails(bench: Bench, cases: Sequence[Case] = CASES, do: str = "vacuum/vacuum") -> tuple[Tail, ...]:
    """Empty the end of a table in each case and vacuum (*do*), all at the same time; *bench* as for :func:`file`.

    Where somebody reads the table it takes five seconds: so long VACUUM tries to get its lock.
    """
    with ExitStack() as stack:
        reader = stack.enter_context(bench.reader())
        before, sessions = [], []
        for number, case in enumerate(cases):
            before.append(_emptied(reader, number, case))
            if case.beside:
                stack.enter_context(apart(bench, _tail(number))).reader.rows(case.beside)
            sessions.append(stack.enter_context(apart(bench, _tail(number))))
        bench.say("VACUUM of all tables at once; it may try for five seconds to shorten a file")
        took_s: dict[int, float] = {}
        crew = Together([partial(_timed, session, do, took_s) for session in sessions])
        crew.start()
        phases: dict[int, dict[str, None]] = {session.pid: {} for session in sessions}
        while crew.alive():
            for pid, phase in reader.rows("vacuum/phase"):
                phases.get(pid, {})[phase] = None  # autovacuum's are nobody's
            time.sleep(_EVERY_S)
        crew.join()
        return tuple(
            _shortened(reader, number, case, before[number], took_s[session.pid], tuple(phases[session.pid]))
            for number, (case, session) in enumerate(zip(cases, sessions, strict=True))
        )


def _emptied(reader: Reader, number: int, case: Case) -> int:
    """Make a case's table, delete its second half, and return the length of its file, bytes."""
    quiet.scene(reader, _tail(number), ROWS)
    reader.rows("vacuum/delete_tail")
    if case.prepare:
        reader.rows(case.prepare)
    return int(reader.value("vacuum/size"))


def _timed(session: Apart, do: str, took_s: dict[int, float]) -> None:
    began_s = time.monotonic()
    session.reader.rows(do)
    took_s[session.pid] = time.monotonic() - began_s


def _shortened(
    reader: Reader, number: int, case: Case, before_bytes: int, took_s: float, phases: tuple[str, ...]
) -> Tail:
    quiet.enter(reader, _tail(number))
    dead = reader.rows("vacuum/exact")[0][1]
    return Tail(case.name, before_bytes, reader.value("vacuum/size"), dead, took_s, phases)


def _tail(number: int) -> str:
    return f"tail_{number}"


@dataclass(frozen=True, slots=True)
class Known:
    """What the planner expects after a step, and what is true: rows that match a condition, and rows of the table."""

    after: str
    expected: int
    truth: int
    dead: int

    @property
    def times_off(self) -> float:
        """How many times too few or too many rows the planner expects; 1.0 is right."""
        low, high = sorted((max(self.expected, 1), max(self.truth, 1)))
        return high / low


KNOWN_STEPS = (
    ("ANALYZE", "vacuum/analyze"),
    ("half of the rows updated", "vacuum/update_half"),
    ("VACUUM", "vacuum/vacuum"),
    ("VACUUM ANALYZE", "vacuum/vacuum_analyze"),
)


def known(bench: Bench, steps: Sequence[tuple[str, str]] = KNOWN_STEPS) -> tuple[Known, ...]:
    """Ask the planner for the rows that have changed, after each step; *bench* is of :func:`quiet.server`."""
    with bench.reader() as reader:
        quiet.scene(reader, _SCENE, ROWS)
        found = []
        for name, do in steps:
            reader.rows(do)
            expected = reader.value("vacuum/expected_rows")[0]["Plan"]["Plan Rows"]
            dead = reader.rows("vacuum/exact")[0][1]
            found.append(Known(name, expected, reader.value("vacuum/changed_rows"), dead))
        return tuple(found)


@dataclass(frozen=True, slots=True)
class Tried:
    """What a statement of the reader's made of a table whose second half was deleted; *error* if it was refused."""

    statement: str
    kept: float  # of the file's length
    same_file: bool
    setting_kept: bool
    rows_lost: int
    error: str = ""


def tried(bench: Bench, statement: str | EllipsisType) -> Tried | None:
    """Run *statement* on a table that keeps its empty end; None for one that is not written yet."""
    if isinstance(statement, EllipsisType):
        return None
    with bench.reader() as reader:
        quiet.scene(reader, _SCENE, ROWS)
        reader.rows("vacuum/delete_tail")
        reader.rows("vacuum/keep_tail")
        size, was, error = reader.value("vacuum/size"), reader.rows("vacuum/as_it_is")[0], ""
        try:
            with reader.connection.cursor() as cursor:
                cursor.execute(statement)
        except psycopg2.Error as refused:
            error = (str(refused).splitlines() or [type(refused).__name__])[0]
        now = reader.rows("vacuum/as_it_is")[0]
        kept = reader.value("vacuum/size") / size
        return Tried(statement, kept, now[0] == was[0], now[1] == was[1], was[2] - now[2], error)
