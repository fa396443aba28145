"""Progress in a notebook: a picture that grows while a load runs, or one line while something starts."""

from lab.chart.live import Line, Snapshot, frame
from lab.experiment import Slot, Tick
from lab.lesson.display import LivePicture


class InNotebook:
    """A watch that draws. *structure* is the constant line that CI compares."""

    def __init__(self, structure: str) -> None:
        """Nothing is drawn yet."""
        self._picture = LivePicture(structure)
        self._text = ""
        self._planned_s = 0.0
        self._lines: dict[tuple[str, int], Line] = {}

    def say(self, text: str) -> None:
        """Show what began."""
        self._text = text
        self._draw(force=not self._lines)

    def tick(self, tick: Tick) -> None:
        """Let the run in progress grow."""
        slot: Slot = tick.slot
        self._planned_s = tick.planned_s
        self._lines[slot.variant.name, slot.pair] = Line(
            slot.variant.name, slot.variant.pool.kind, slot.pair, tuple(tick.answered_per_s)
        )
        self._draw()

    def done(self, text: str) -> None:
        """Draw the last frame."""
        self._text = text
        self._draw(force=True)

    def _draw(self, force: bool = False) -> None:
        if force or self._picture.due():
            snapshot = Snapshot(self._text, self._planned_s, tuple(self._lines.values()))
            self._picture.show(frame(snapshot), self._text)
