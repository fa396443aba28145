"""What a statement leaves in a table: dead rows as pgstattuple finds them, and as the statistics count them.

PostgreSQL writes no row twice at the same place. An UPDATE adds a version and leaves the old one, a DELETE leaves the
row as it is, a ROLLBACK leaves what was written: whoever began before may still need it, or nobody ever will, and both
are decided later. What nobody needs any more is a dead row. VACUUM removes it; a page that is full is also tidied by
whoever comes by (pruning), if the new version lies on the same page.

Source: PostgreSQL's ``heapam.c`` and ``pruneheap.c``; pgstattuple reads every page and prunes none.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from lab.demonstrate import quiet
from lab.demonstrate.bench import Bench, Reader
from lab.observe.settled import flush

ROWS = 1000


@dataclass(frozen=True, slots=True)
class Write:
    """A statement, on a table of *rows* rows, *times* over: together it touches ``ROWS`` rows."""

    name: str
    do: str
    rows: int = ROWS
    times: int = 1


@dataclass(frozen=True, slots=True)
class Left:
    """What a statement left. *counted_dead* is n_dead_tup, after every session has reported."""

    write: str
    touched: int
    live: int
    dead: int
    counted_dead: int


UPDATE = Write("UPDATE", "vacuum/update")
DELETE = Write("DELETE", "vacuum/delete")
SAME = Write("UPDATE, nothing changes", "vacuum/update_same")
NOT_UPDATED = Write("UPDATE, rolled back", "vacuum/update_rolled_back")
NOT_INSERTED = Write("INSERT, rolled back", "vacuum/insert_rolled_back")
INSERT = Write("INSERT", "vacuum/insert")
LOCK = Write("SELECT ... FOR UPDATE", "vacuum/lock_rows")
TRUNCATE = Write("TRUNCATE", "vacuum/truncate")
AGAIN = Write("UPDATE, one row over and over", "vacuum/update_one", rows=1, times=ROWS)

LEAVE = (UPDATE, SAME, DELETE, NOT_UPDATED, NOT_INSERTED)
LEAVE_NONE = (INSERT, LOCK, TRUNCATE)
WRITES = (*LEAVE, *LEAVE_NONE, AGAIN)


def left(bench: Bench, writes: Sequence[Write] = WRITES, report: bool = True) -> tuple[Left, ...]:
    """Run each statement on a new table and count what is dead afterwards.

    :param bench: of :func:`quiet.server`.
    :param report: have the session report what it has counted before the statistics are read.
    """
    with bench.reader() as reader:
        for number, write in enumerate(writes):
            bench.say(write.name)
            quiet.scene(reader, f"left_{number}", write.rows)
            for _ in range(write.times):
                reader.rows(write.do)
        if report:
            flush(reader.connection)
        return tuple(_left(reader, number, write) for number, write in enumerate(writes))


def _left(reader: Reader, number: int, write: Write) -> Left:
    quiet.enter(reader, f"left_{number}")
    live, dead, *_ = reader.rows("vacuum/exact")[0]
    _, counted_dead = reader.rows("vacuum/counted")[0]
    return Left(write.name, write.rows * write.times, live, dead, counted_dead)
