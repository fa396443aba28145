"""Threads of a demonstration, whose errors are not lost: what died in a thread is raised where it is waited for.

A thread that fails says so on standard error and nowhere else, and what it was to count is then missing without a word.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from lab.errors import LabError

Work = Callable[[], object]


class Together:
    """Work in threads, one for each. *gate* is a barrier at which they meet: an error breaks it, so nobody waits on."""

    def __init__(self, works: Sequence[Work], gate: threading.Barrier | None = None) -> None:
        self._gate = gate
        self._errors: list[BaseException] = []
        self._threads = [threading.Thread(target=self._run, args=(work,), daemon=True) for work in works]

    def start(self) -> None:
        """Start all.

        :raises LabError: if the machine gives no more threads; those that were started are waited for.
        """
        for number, thread in enumerate(self._threads):
            try:
                thread.start()
            except RuntimeError as error:
                self._note(error)
                self._threads = self._threads[:number]
                self.join()

    def alive(self) -> bool:
        """Whether any is still at work."""
        return any(thread.is_alive() for thread in self._threads)

    def wait(self) -> None:
        """Return when all have ended, however they did."""
        for thread in self._threads:
            thread.join()

    def check(self) -> None:
        """Raise the first error; nothing happens if there was none.

        :raises LabError: with the error's first line.
        """
        if not self._errors:
            return
        # who waited at a broken gate tells of somebody else's error
        own = [error for error in self._errors if not isinstance(error, threading.BrokenBarrierError)]
        first = (own or self._errors)[0]
        if isinstance(first, LabError):
            raise first
        line = (str(first).strip().splitlines() or ["no reason given"])[0]
        raise LabError(
            f"{len(self._errors)} of the demonstration's threads failed ({type(first).__name__}: {line}); try again"
        ) from first

    def join(self) -> None:
        """Wait for all, and raise the first error.

        :raises LabError: if any failed.
        """
        self.wait()
        self.check()

    def _run(self, work: Work) -> None:
        try:
            work()
        except BaseException as error:
            self._note(error)

    def _note(self, error: BaseException) -> None:
        self._errors.append(error)
        if self._gate:
            self._gate.abort()


def together(works: Sequence[Work], gate: threading.Barrier | None = None) -> None:
    """Do all of *works* at the same time, and return when they are done.

    :raises LabError: if any failed.
    """
    crew = Together(works, gate)
    crew.start()
    crew.join()


@contextmanager
def beside(work: Callable[[threading.Event], object]) -> Iterator[None]:
    """Do *work* while the body runs; it is given an event that is set when the body is over.

    :raises LabError: after the body, if the work failed.
    """
    over = threading.Event()
    crew = Together([lambda: work(over)])
    crew.start()
    try:
        yield
    finally:
        over.set()
        crew.wait()
    crew.check()
