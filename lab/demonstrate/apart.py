"""A session whose statements run beside ours: what waits for a lock must not keep the one who looks at it waiting."""

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import psycopg2
from psycopg2.errors import QueryCanceled

from lab.demonstrate import quiet
from lab.demonstrate.bench import NAME, Bench, Reader
from lab.demonstrate.together import Together
from lab.errors import LabError
from lab.process import wait_until

PATIENCE_S = 30.0


class Apart:
    """A connection that runs one statement at a time in a thread; being cancelled is no error of it."""

    def __init__(self, connection: Any, scene: str) -> None:
        self.reader = Reader(connection)
        self.pid = int(connection.info.backend_pid)
        self._work: Together | None = None
        quiet.enter(self.reader, scene)

    def run(self, name: str) -> None:
        """Start a statement, and return at once."""
        self.end()
        self._work = Together([lambda: self._do(name)])
        self._work.start()

    def alive(self) -> bool:
        """Whether the statement is still at work."""
        return self._work is not None and self._work.alive()

    def check(self) -> None:
        """Raise the statement's error, if it has ended with one.

        :raises LabError: with the error's first line.
        """
        if self._work:
            self._work.check()

    def waits_for(self, reader: Reader, holder_pid: int) -> bool:
        """Return whether the statement waits for the holder's lock, once that is certain; False: it came through.

        :raises LabError: if it failed, or neither was seen within half a minute.
        """
        deadline_s = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline_s:
            if not self.alive():
                self.check()
                return False
            if holder_pid in reader.value("vacuum/waits_for", pid=self.pid):
                return True
            time.sleep(0.002)
        raise LabError(f"a statement neither came through nor waited within {PATIENCE_S:g} s; try again")

    def cancel(self, reader: Reader) -> None:
        """Have *reader* cancel what still runs."""
        wait_until(lambda: not self.alive() or not reader.value("vacuum/cancel", pid=self.pid), PATIENCE_S, 0.02)

    def end(self) -> None:
        """Wait for the end of the statement.

        :raises LabError: if it failed.
        """
        if self._work:
            self._work.join()

    def _do(self, name: str) -> None:
        try:
            self.reader.rows(name)
        except QueryCanceled:
            return


@contextmanager
def apart(bench: Bench, scene: str) -> Iterator[Apart]:
    """Lend a session of its own, in a scene of :mod:`lab.demonstrate.quiet`."""
    with closing(psycopg2.connect(bench.where.owner_dsn, application_name=NAME)) as connection:
        connection.autocommit = True
        yield Apart(connection, scene)
