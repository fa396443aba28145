"""A job of many small questions, and how many sessions the server saw it open: for an exercise.

The job has a database of its own on a private server, made anew for each run, so that the server's counters hold this
run and nothing else. What is reported was counted by the server; the client is not asked.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg2

from lab import process, sql
from lab.demonstrate.bench import Reader
from lab.demonstrate.connects import PASSWORD, Doors
from lab.errors import ServerError, UsageError

QUESTIONS = 100


@dataclass(frozen=True, slots=True)
class Counted:
    """What the server has seen of a job: questions asked, and sessions opened for them."""

    questions: int
    sessions: int


class Job:
    """Where the job works: a way to open a connection, and a question to ask on it."""

    def __init__(self, doors: Doors, way: str = PASSWORD) -> None:
        self._server, self._way = doors.server, doors.way(way)
        self._own_sessions = 0  # in the job's database, which the server counts like the job's

    @contextmanager
    def connection(self) -> Iterator[Any]:
        """Open a connection of psycopg2, and close it at the end."""
        with closing(psycopg2.connect(self._way.dsn(self._server, "job"))) as connection:
            yield connection

    def ask(self, connection: Any) -> None:
        """Ask one short question."""
        with connection.cursor() as cursor:
            cursor.execute(sql.load("lesson/ask"))

    def timed(self, work: Callable[["Job"], object]) -> float:
        """Have *work* done in a fresh database; return how long it took, seconds.

        :raises UsageError: before version 14, which does not count sessions.
        """
        if self._server.major < 14:
            raise UsageError(f"PostgreSQL {self._server.major} counts no sessions; this exercise needs 14 or later")
        with self._server.owner() as owner:
            self._end(Reader(owner))
            Reader(owner).rows("lesson/no_job_database")
            Reader(owner).rows("lesson/job_database")
        with self._server.owner("job") as inside:
            Reader(inside).rows("lesson/asked")
        self._own_sessions = 1
        began = time.monotonic()
        work(self)
        return time.monotonic() - began

    def counted(self) -> Counted | None:
        """End the job's sessions, and return what the server has counted since the last run began; None before one."""
        with self._server.owner() as owner:
            self._end(Reader(owner))
            rows = Reader(owner).rows("lesson/job_sessions") if self._server.major >= 14 else []
        if not rows:
            return None
        sessions = int(rows[0][0]) - self._own_sessions
        with self._server.owner("job") as inside:
            self._own_sessions += 1
            return Counted(int(Reader(inside).value("lesson/asked_so_far")), sessions)

    @staticmethod
    def _end(reader: Reader) -> None:
        """End what is open; a session reports what it has counted when it ends."""
        reader.rows("lesson/job_ended")
        if not process.wait_until(lambda: not reader.value("lesson/job_open"), 5.0):
            raise ServerError("sessions of the job were still open 5 s after they were told to end; try again")
