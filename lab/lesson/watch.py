"""Progress in a notebook: a picture that grows while a load runs, or one line while something starts."""

from dataclasses import asdict

from lab.chart.labels import pool_name
from lab.chart.live import LiveRun, Snapshot, frame, words
from lab.lesson.display import LivePicture
from lab.watch import Tick


class InNotebook:
    """A watch that draws. *structure* is the constant line that CI compares."""

    live = True

    def __init__(self, structure: str) -> None:
        """Nothing is drawn yet."""
        self._picture = LivePicture(structure)
        self._text = ""
        self._last: Tick | None = None
        self._runs: dict[int, LiveRun] = {}

    def say(self, text: str) -> None:
        """Show what began."""
        self._text = text
        self._draw(force=self._last is None)

    def tick(self, tick: Tick) -> None:
        """Let the run in progress grow."""
        if tick.slot is None:
            return
        name, pool = tick.slot.variant.name, tick.slot.variant.pool
        again = name.partition("#")[2]  # the same variant twice keeps two names
        label = pool_name(asdict(pool)) + (f" ({again})" if again else "")
        self._runs[tick.slot.number] = LiveRun(label, pool.kind, tick.slot.pair, tuple(tick.answered_per_s))
        self._last = tick
        self._draw()

    def done(self, text: str) -> None:
        """Draw the last frame."""
        self._text = text
        self._draw(force=True, finished=True)

    def stopped(self) -> None:
        """Draw the last frame of what the reader has stopped."""
        self._text = "stopped"
        self._draw(force=True, stopped_s=self._last.elapsed_s if self._last else None)

    def _draw(self, force: bool = False, finished: bool = False, stopped_s: float | None = None) -> None:
        if not force and not self._picture.due():
            return
        if self._last is None:
            self._picture.show(words(self._text), self._text)
            return
        snapshot = Snapshot(
            "The load so far",
            tuple(self._runs.values()),
            planned_s=self._last.planned_s,
            total=self._last.total,
            warmup_s=self._last.warmup_s,
            finished=finished,
            stopped_s=stopped_s,
            with_backends=False,
        )
        self._picture.show(frame(snapshot), self._text)
