"""Commands on standard input, one per line, and their answers on standard output.

::

    mark NAME         take a snapshot           ok NAME T_US       or  error NAME why
    watch ROLE PID    watch a process tree      ok ROLE T_US       or  error ROLE why
    stop              flush and end             ok stop T_US

The end of standard input means that whoever started the observer is gone.
"""

import os
from contextlib import suppress
from dataclasses import dataclass

from lab.units import monotonic_us


class HolderGone(Exception):
    """Standard input ended: nobody is left to observe for."""


class Stop(Exception):
    """The order to stop, or a SIGTERM."""


@dataclass(frozen=True, slots=True)
class Order:
    """One command: its words, and when it came (us, monotonic)."""

    words: tuple[str, ...]
    came_us: int

    @property
    def name(self) -> str:
        """What an answer to it is called: the second word, or the only one."""
        return self.words[1] if len(self.words) > 1 else self.words[0]


class Orders:
    """The commands that come in through a file descriptor."""

    def __init__(self, source: int, answers: int) -> None:
        """Read from the descriptor *source*, answer on *answers*."""
        self.source = source
        self._answers = answers
        self._text = b""

    def read(self) -> list[Order]:
        """Return the orders that have come; call it when *source* is readable, otherwise it waits.

        :raises HolderGone: at the end of the input.
        """
        data = os.read(self.source, 65536)
        if not data:
            raise HolderGone
        *lines, self._text = (self._text + data).split(b"\n")
        words = [tuple(line.decode("utf-8", "replace").split()) for line in lines]
        return [Order(order, monotonic_us()) for order in words if order]

    def ok(self, name: str, t_us: int) -> None:
        """Answer that it is done."""
        self._say(f"ok {name} {t_us}")

    def error(self, name: str, why: str) -> None:
        """Answer that it could not be done."""
        self._say(f"error {name} {' '.join(why.split())}")

    def ready(self) -> None:
        """Say, first of all, that sampling begins."""
        self._say(f"ready {os.getpid()}")

    def stopped(self) -> None:
        """Say, last of all, that everything is on disk; nobody may be left to hear it."""
        with suppress(HolderGone):
            self.ok("stop", monotonic_us())

    def _say(self, line: str) -> None:
        try:
            os.write(self._answers, (line + "\n").encode())
        except BrokenPipeError:
            raise HolderGone from None
