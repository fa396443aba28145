"""Which statements have to wait while somebody holds a lock on a table, and which lock each of them takes.

Nothing here depends on time. A statement is sent on a connection of its own; then pg_locks is asked until the statement
has come through or waits for a lock, and pg_blocking_pids says for whom. One that waits is cancelled, one that came
through is rolled back. What holds the lock stays at work all the while: VACUUM rests at every page
(``vacuum_cost_delay``), VACUUM FULL stops at the gate, an index whose function waits for us. Both are cancelled at the
end.

Source: the lock modes and their conflicts are in the PostgreSQL manual, "Explicit Locking".
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from lab import sql
from lab.demonstrate import quiet
from lab.demonstrate.apart import PATIENCE_S, Apart, apart
from lab.demonstrate.bench import Bench, Reader
from lab.errors import LabError
from lab.process import wait_until

ROWS = 20_000  # some 300 pages: a VACUUM that rests at each takes longer than all that is done meanwhile
SCENE = "probing"


@dataclass(frozen=True, slots=True)
class Probe:
    """A statement that may have to wait; *do* leaves its transaction open where it can be in one."""

    do: str

    @property
    def name(self) -> str:
        """What it is called: the title of its file, up to the colon."""
        return sql.load(self.do).removeprefix("-- ").partition(":")[0]


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a lock on the table: a statement that rests at each page (*slowly*) or stops at the *gate*."""

    name: str
    do: str
    slowly: bool = False
    gate: bool = False


@dataclass(frozen=True, slots=True)
class Met:
    """How one statement met the holder: the *mode* of the lock it wanted on the table, and whether it had to wait."""

    probe: str
    mode: str  # as pg_locks names it; empty if the statement had ended before it could be seen
    waited: bool


@dataclass(frozen=True, slots=True)
class Table:
    """How all statements met one holder, which held *mode*."""

    holder: str
    mode: str
    met: tuple[Met, ...]

    def waited(self, *probes: str) -> int:
        """Return how many statements had to wait, of those named; of all if none is."""
        return sum(one.waited for one in self.met if one.probe in probes or not probes)


SELECT = Probe("vacuum/probe_select")
ANALYZE = Probe("vacuum/probe_analyze")
ADD_COLUMN = Probe("vacuum/probe_add_column")
READS = (SELECT, Probe("vacuum/probe_for_update"))
WRITES = (
    Probe("vacuum/probe_insert"),
    Probe("vacuum/probe_update"),
    Probe("vacuum/probe_delete"),
    Probe("vacuum/probe_refer"),
)
UPKEEP = (
    ANALYZE,
    Probe("vacuum/probe_vacuum"),
    Probe("vacuum/probe_create_index"),
    Probe("vacuum/probe_concurrently"),
    Probe("vacuum/probe_trigger"),
    ADD_COLUMN,
    Probe("vacuum/probe_truncate"),
    Probe("vacuum/probe_drop"),
)
PROBES = (*READS, *WRITES, *UPKEEP)

VACUUM = Holder("VACUUM", "vacuum/vacuum", slowly=True)
FULL = Holder("VACUUM FULL", "vacuum/vacuum_full", gate=True)
EXCLUSIVE = Holder("LOCK TABLE", "vacuum/lock_exclusive")
READER = Holder("a reader", "vacuum/probe_select")
HOLDERS = (VACUUM, EXCLUSIVE, FULL)


def waiting(
    bench: Bench, holders: Sequence[Holder] = HOLDERS, probes: Sequence[Probe] = PROBES, rows: int = ROWS
) -> tuple[Table, ...]:
    """Send each statement beside each holder and see whether it waits; *bench* is of :func:`quiet.server`.

    :raises LabError: if a holder ends before the statements were tried.
    """
    return tuple(_table(bench, holder, probes, rows) for holder in holders)


def queued(bench: Bench, between: Probe = ADD_COLUMN, probe: Probe = SELECT, holder: Holder = VACUUM) -> Met:
    """Have *between* come beside *holder*, and then *probe* behind *between*: does it wait for that one?

    :raises LabError: if the holder ends before.
    """
    with bench.reader() as reader:
        _prepare(reader, ROWS)
        with holding(bench, reader, holder) as (pid, _), apart(bench, SCENE) as first:
            first.run(between.do)
            try:
                first.waits_for(reader, pid)
                return _met(bench, reader, probe, first.pid)
            finally:
                first.cancel(reader)
                first.end()


def _table(bench: Bench, holder: Holder, probes: Sequence[Probe], rows: int) -> Table:
    with bench.reader() as reader:
        _prepare(reader, rows)
        with holding(bench, reader, holder) as (pid, mode):
            met = []
            for probe in probes:
                bench.say(f"{probe.name} beside {holder.name}")
                met.append(_met(bench, reader, probe, pid))
        return Table(holder.name, mode, tuple(met))


def _prepare(reader: Reader, rows: int) -> None:
    """Make the table, with what refers to it and a gate, and give VACUUM something to do on every page."""
    quiet.scene(reader, SCENE, rows)
    reader.rows("vacuum/referencing")
    reader.rows("vacuum/gate")
    reader.rows("vacuum/update")


@contextmanager
def holding(bench: Bench, reader: Reader, holder: Holder, finish: bool = False) -> Iterator[tuple[int, str]]:
    """Have *holder* hold its lock on the scene's table; lend its pid and the lock's mode.

    At the end it is cancelled, or with *finish* waited for.

    :raises LabError: if it did not stay until the end.
    """
    with apart(bench, SCENE) as session:
        if holder.slowly:
            session.reader.rows("vacuum/slowly")
        if holder.gate:
            reader.rows("vacuum/close_gate")
        session.run(holder.do)
        try:
            mode = _stands(reader, session, holder)
            yield session.pid, mode
            if _lock(reader, session.pid) != (mode, True):
                raise LabError(f"{holder.name} was over before everything was tried beside it; try again")
        except BaseException:
            session.cancel(reader)
            raise
        finally:
            if not finish:
                session.cancel(reader)
            if holder.gate:
                reader.rows("vacuum/open_gate")
            session.end()


def _stands(reader: Reader, session: Apart, holder: Holder) -> str:
    """Wait until the holder has its lock, and stops where it is to stop; return the lock's mode."""

    def there() -> bool:
        over = not session.alive()
        lock = _lock(reader, session.pid)
        if over and lock is None:
            session.check()
            raise LabError(f"{holder.name} was over before its lock was seen; try again")
        return bool(lock and lock[1]) and (not holder.gate or bool(reader.value("vacuum/at_gate", pid=session.pid)))

    lock = _lock(reader, session.pid) if wait_until(there, PATIENCE_S, 0.005) else None
    if lock is None:
        raise LabError(f"{holder.name} had no lock on the table within {PATIENCE_S:g} s; try again")
    return lock[0]


def _lock(reader: Reader, pid: int) -> tuple[str, bool] | None:
    rows = reader.rows("vacuum/held", pid=pid)
    return (rows[0][0], rows[0][1]) if rows else None


def _met(bench: Bench, reader: Reader, probe: Probe, holder_pid: int) -> Met:
    with apart(bench, SCENE) as session:
        session.run(probe.do)
        try:
            waited = session.waits_for(reader, holder_pid)
            lock = _lock(reader, session.pid)
        finally:
            session.cancel(reader)
            session.end()
    return Met(probe.name, lock[0] if lock else "", waited)
