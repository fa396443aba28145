"""Progress on standard error: a live line for a terminal, plain lines for a file or a pipe.

What is over within two seconds is not announced where lines stay: an error that comes at once is then the only line.
"""

import threading
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from lab.watch import Tick

ERRORS = Console(stderr=True, highlight=False)
PATIENCE_S = 2.0


class Progressing:
    """A watch for the terminal; use it as a context manager, so that the terminal is given back in any case."""

    def __init__(self) -> None:
        """Draw on standard error."""
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeElapsedColumn(),
            console=ERRORS,
            transient=True,
        )
        self._task: TaskID | None = None
        self._later: threading.Timer | None = None
        self.live = ERRORS.is_terminal

    def __enter__(self) -> "Progressing":
        """Begin to draw, if there is a terminal to draw on."""
        if self.live:
            self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give the terminal back."""
        self._forget()
        if self.live:
            self._progress.stop()

    def say(self, text: str) -> None:
        """Show what began."""
        if not self.live:
            self._forget()
            self._later = threading.Timer(PATIENCE_S, _print, [text])
            self._later.daemon = True
            self._later.start()
            return
        if self._task is not None:
            self._progress.remove_task(self._task)
        self._task = self._progress.add_task(text, total=None, rate="")

    def tick(self, tick: Tick) -> None:
        """Move the bar of the run in progress."""
        if self.live and self._task is not None:
            rate = f"{tick.answered_per_s[-1][1]:,.0f} answers/s" if tick.answered_per_s else ""
            done_s = min(tick.elapsed_s, tick.planned_s)
            self._progress.update(self._task, total=tick.planned_s, completed=done_s, rate=rate)

    def _forget(self) -> None:
        if self._later is not None:
            self._later.cancel()
            self._later.join()  # one that has begun to print is let finish, before what comes next
            self._later = None


def _print(text: str) -> None:
    ERRORS.print(text, markup=False, soft_wrap=True)
