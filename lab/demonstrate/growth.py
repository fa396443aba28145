"""A table that is updated again and again, looked at all the while, with VACUUM now and then or not at all.

When VACUUM ran is not told by who ran it but by the server's counter, as it would be for autovacuum.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass

import psycopg2
from psycopg2.extensions import connection as Connection

from lab.demonstrate.bench import NAME, Reader
from lab.demonstrate.together import beside
from lab.observe.bloat import Look
from lab.observe.settled import flush
from lab.record.bloat import Sample

_EVERY_S = 0.05


@dataclass(frozen=True, slots=True)
class Grown:
    """A table's course. *samples* are taken all the while; *after_rounds* when each round was over."""

    vacuum_every: int  # rounds; 0: never
    samples: tuple[Sample, ...]
    after_rounds: tuple[Sample, ...]

    @property
    def vacuums(self) -> int:
        """How often the server says that the table was vacuumed."""
        return self.samples[-1].vacuums

    @property
    def vacuumed_s(self) -> tuple[float, ...]:
        """When the counter of vacuum runs was seen to have grown, seconds since the first sample."""
        pairs = zip(self.samples, self.samples[1:], strict=False)
        return tuple(after.at_s for before, after in pairs if after.vacuums > before.vacuums)

    @property
    def shrunk(self) -> int:
        """How often the file was seen to have become smaller."""
        pairs = zip(self.samples, self.samples[1:], strict=False)
        return sum(after.size_bytes < before.size_bytes for before, after in pairs)

    @property
    def free_share(self) -> float:
        """What of the file is free at the end, 0.0 to 1.0."""
        return self.samples[-1].free_bytes / self.samples[-1].size_bytes if self.samples[-1].size_bytes else 0.0

    @property
    def grown(self) -> float:
        """The file at the end, as a multiple of the first."""
        return self.samples[-1].size_bytes / self.samples[0].size_bytes


def grown(
    reader: Reader, rounds: int = 8, vacuum_every: int = 1, rows: int = 20_000, change: str = "growth_update"
) -> Grown:
    """Update every row in each of *rounds*, with VACUUM after each *vacuum_every* of them (0: never).

    :param change: what is done to the table in each round, a question of ``lab/sql/lesson``.
    :raises LabError: if a sample could not be taken in the meantime.
    """
    reader.rows("lesson/growth_table", rows=rows)
    flush(reader.connection)
    with _sampled(reader) as course:
        after = []
        for round_ in range(1, rounds + 1):
            reader.rows(f"lesson/{change}", rows=rows)
            flush(reader.connection)  # or what it counted would be added to what VACUUM says
            if vacuum_every and round_ % vacuum_every == 0:
                with course.quiet:  # a look holds a snapshot, and VACUUM would leave what that may still see
                    reader.rows("lesson/growth_vacuum")
                flush(reader.connection)
            after.append(course.look())
    return Grown(vacuum_every, tuple(course.samples), tuple(after))


class _Course:
    """Looks at a table, on a connection of its own."""

    def __init__(self, connection: Connection) -> None:
        self._look = Look(connection, ["scene"])
        self.quiet = threading.Lock()
        self._began_s = time.monotonic()
        self.samples: list[Sample] = []

    def look(self) -> Sample:
        """Take a sample."""
        with self.quiet:
            sample = self._look.sample(self._look.tables[0].oid, time.monotonic() - self._began_s)
            self.samples.append(sample)
            return sample

    def go_on(self, over: threading.Event) -> None:
        """Take samples until it is over."""
        while not over.wait(_EVERY_S):
            self.look()


@contextmanager
def _sampled(reader: Reader) -> Iterator[_Course]:
    """Lend a course that is sampled in a thread meanwhile.

    :raises LabError: at the end, if a sample could not be taken.
    """
    with closing(psycopg2.connect(reader.connection.dsn, application_name=NAME)) as connection:
        connection.autocommit = True
        course = _Course(connection)
        course.look()
        with beside(course.go_on):
            yield course
