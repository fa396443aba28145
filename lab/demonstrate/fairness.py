"""Who gets a connection when more threads want one than there are: checkouts of each thread.

A thread that gives a connection back and asks again at once finds it still there: those that wait must first wake up.
Source: ``sqlalchemy/util/queue.py``; SQLAlchemy issue 7679.
"""

import threading
import time
from dataclasses import dataclass
from functools import partial

from sqlalchemy import Engine, QueuePool, text

from lab import sql
from lab.demonstrate.bench import Bench
from lab.demonstrate.together import together


@dataclass(frozen=True, slots=True)
class Shares:
    """Checkouts of each thread in the same time, the most first."""

    checkouts: tuple[int, ...]

    @property
    def starved(self) -> int:
        """Threads that were served less than a tenth as often as equal shares would have them served."""
        return sum(count < 0.1 * sum(self.checkouts) / len(self.checkouts) for count in self.checkouts)


def shares(bench: Bench, threads: int = 40, size: int = 5, seconds: float = 1.0, pause_s: float = 0.0) -> Shares:
    """Let *threads* ask for a connection, run a short statement, pause and ask again, for so long.

    :raises LabError: if a thread failed.
    """
    users = [_User(pause_s) for _ in range(threads)]
    with bench.engine(QueuePool, pool_size=size, max_overflow=0, pool_timeout=60) as engine:
        gate = threading.Barrier(threads)
        together([partial(user.go, engine, gate, seconds) for user in users], gate)
    return Shares(tuple(sorted((user.checkouts for user in users), reverse=True)))


class _User:
    def __init__(self, pause_s: float) -> None:
        self._pause_s = pause_s
        self.checkouts = 0

    def go(self, engine: Engine, gate: threading.Barrier, seconds: float) -> None:
        question = text(sql.load("lesson/backend_pid"))
        gate.wait()
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            with engine.connect() as connection:
                if time.monotonic() < end:  # what was waited for longer is no part of the time
                    connection.execute(question)
                    self.checkouts += 1
            if self._pause_s:
                time.sleep(self._pause_s)
