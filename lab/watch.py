"""Who wants to be told how far an experiment has come: the terminal, a notebook, or nobody."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from lab.plan import Slot


@dataclass(frozen=True, slots=True)
class Tick:
    """How far the run in progress has come: answers per second in bins of a quarter second since its start."""

    slot: Slot | None  # None: of a run that belongs to no experiment
    total: int
    elapsed_s: float
    planned_s: float  # warm-up included
    warmup_s: float
    answered_per_s: Sequence[tuple[float, float]] = ()


class Watch(Protocol):
    """Who wants to be told; called from the thread that runs the experiment."""

    live: bool  # whether ticks are wanted: reading a run in progress costs a little

    def say(self, text: str) -> None:
        """Something began that may take over two seconds."""

    def tick(self, tick: Tick) -> None:
        """The run in progress went on; at most twice a second."""


class Quiet:
    """A watch that tells nobody."""

    live = False

    def say(self, text: str) -> None:
        """Ignore it."""

    def tick(self, tick: Tick) -> None:
        """Ignore it."""
