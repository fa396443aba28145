"""What an open connection takes of the server's memory: fresh, after queries, and after the scan of a table.

Three figures, bytes. RSS is what the process has touched, with everything that it shares: shared buffers are counted
once for each process. PSS gives each process its part of what is shared. Private is what no other process has, and what
ending the connection would give back. The server reads them from its own ``/proc``: there are none on macOS.
"""

import math
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from statistics import median
from typing import Any

import psycopg2

from lab import sql
from lab.demonstrate.bench import Reader
from lab.server import data
from lab.server.private import Private

APPLICATION = "lab-lesson-memory"
FIGURES = ("rss_bytes", "pss_bytes", "private_bytes")
_ROW_BYTES = 1024


@dataclass(frozen=True, slots=True)
class Taken:
    """What each of some backends takes at one moment, bytes; the lists are in no order, and empty where unknown."""

    stage: str
    pids: tuple[int, ...]
    rss_bytes: tuple[int, ...]
    pss_bytes: tuple[int, ...]
    private_bytes: tuple[int, ...]

    def middle(self, figure: str = "private_bytes") -> float | None:
        """Return the median of a figure, bytes; None if the server could not tell it."""
        values = getattr(self, figure)
        return float(median(values)) if values else None


@dataclass(frozen=True, slots=True)
class Grown:
    """The same backends at three moments, and the size of the table that they have scanned by the last, bytes."""

    fresh: Taken
    queried: Taken
    scanned: Taken
    table_bytes: int

    @property
    def stages(self) -> tuple[Taken, Taken, Taken]:
        """All three, in order."""
        return (self.fresh, self.queried, self.scanned)

    def mb(self, figure: str = "private_bytes") -> float:
        """Return the median of a figure after the scan, MB; NaN if the server could not tell it."""
        found = self.scanned.middle(figure)
        return math.nan if found is None else found / 1024**2

    @property
    def rss_per_table(self) -> float:
        """What the scan added to the RSS of a backend, as a share of the table; NaN if it is not known."""
        before, after = self.queried.middle("rss_bytes"), self.scanned.middle("rss_bytes")
        return math.nan if before is None or after is None else (after - before) / self.table_bytes


def grown(server: Private, connections: int = 10, table_bytes: int = 24 * 1024**2) -> Grown:
    """Open connections and look at their backends: at once, after queries, and after each has scanned a table.

    The table is smaller than a quarter of shared buffers: of a larger one a scan may keep only a few pages there. It is
    dropped at the end.
    """
    with server.owner() as owner, _prepared(owner, table_bytes), ExitStack() as held:
        opened = [
            held.enter_context(closing(psycopg2.connect(server.dsn(), application_name=APPLICATION)))
            for _ in range(connections)
        ]
        fresh = _look(owner, "fresh")
        _all(opened, "lesson/nothing")
        _all(opened, "lesson/catalog")
        queried = _look(owner, "after queries")
        _all(opened, "lesson/scan")
        return Grown(fresh, queried, _look(owner, "after a scan"), table_bytes)


@contextmanager
def _prepared(owner: Any, table_bytes: int) -> Iterator[None]:
    for name in ("proc_schema", "read_proc", "backend_memory"):
        data.run(owner, name)
    reader = Reader(owner)
    reader.rows("lesson/scanned", rows=max(1, table_bytes // _ROW_BYTES))
    try:
        reader.rows("lesson/scan")  # sets the hint bits, once for all
        yield
    finally:
        reader.rows("lesson/not_scanned")


def _all(opened: list[Any], question: str) -> None:
    for connection in opened:
        with connection.cursor() as cursor:
            cursor.execute(sql.load(question))
            cursor.fetchall()
        connection.rollback()


def _look(owner: Any, stage: str) -> Taken:
    rows = Reader(owner).rows("lesson/memory_of", application=APPLICATION)
    pids, *figures = zip(*rows, strict=True) if rows else ((), (), (), ())
    return Taken(stage, pids, *figures)
