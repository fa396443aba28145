"""The small figure that grows while the runs go on: answers per second so far, and the app's connections.

It is drawn at most twice a second, from values only. Its size, its axes and its line of text stay the same from the
first frame to the last, and the time axis goes to the planned end, so that it shows the progress as well.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from lab.chart import style
from lab.chart.style import GRID, INK, SHADE, SMALL, SOFT, TEXT, Look, spread

SIZE_IN = (10.0, 3.4)
DPI = 90
RATE, BACKENDS = "answers per second", "server connections"


@dataclass(frozen=True, slots=True)
class LiveRun:
    """One run so far: answers per second and the app's backends, each at seconds from the start of its load."""

    variant: str  # as it is named in the figure
    kind: str  # of its pool
    pair: int
    answered_per_s: Sequence[tuple[float, float]] = ()
    backends: Sequence[tuple[float, float]] = ()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What is known of an experiment while it goes on; the last run is the one in progress."""

    title: str
    runs: Sequence[LiveRun]
    planned_s: float  # of one run's load, warm-up included
    total: int  # runs of the experiment
    warmup_s: float = 0.0
    finished: bool = False
    with_backends: bool = True  # False: the answers have the whole width
    stopped_s: float | None = None  # the reader stopped the run in progress after so many seconds


def frame(snapshot: Snapshot) -> Figure:
    """Return the figure of *snapshot*; also of one that has no run yet."""
    with style.styled():
        drawn = style.blank(*SIZE_IN)
        drawn.text(0.075, 0.92, snapshot.title, fontsize=style.PANEL, weight="bold", color=INK)
        drawn.text(0.84, 0.92, _progress(snapshot), fontsize=style.BODY, color=SOFT, ha="right")
        looks = _looks(snapshot.runs)
        for ax, what in zip(_axes(drawn, snapshot.with_backends), (RATE, BACKENDS), strict=False):
            _lines(ax, snapshot, looks, what)
        _names(drawn.axes[-1], snapshot, looks)
    return drawn


def words(text: str) -> Figure:
    """Return a strip with one line of text, for what takes a while and has no numbers to draw."""
    with style.styled():
        drawn = style.blank(SIZE_IN[0], 0.4)
        drawn.text(0.01, 0.35, text, fontsize=style.BODY, color=SOFT)
    return drawn


def _axes(drawn: Figure, two: bool) -> list[Axes]:
    grid = drawn.add_gridspec(1, 2, width_ratios=[1.5, 1], left=0.075, right=0.84, top=0.8, bottom=0.18, wspace=0.24)
    if not two:
        return [drawn.add_subplot(grid[0, :])]
    return [drawn.add_subplot(grid[0, 0]), drawn.add_subplot(grid[0, 1])]


def _points(run: LiveRun, what: str) -> Sequence[tuple[float, float]]:
    return run.answered_per_s if what == RATE else run.backends


def png(drawn: Figure) -> bytes:
    """Return *drawn* as a PNG."""
    stream = BytesIO()
    with style.styled():
        drawn.savefig(stream, format="png", dpi=DPI)
    return stream.getvalue()


def describe(snapshot: Snapshot) -> str:
    """Return what the figure shows, in one line that is the same for every frame."""
    shown = f"{RATE} and {BACKENDS}" if snapshot.with_backends else RATE
    return f"{snapshot.title}, live: {shown} by seconds from the start of the load"


def _progress(snapshot: Snapshot) -> str:
    if snapshot.stopped_s is not None:
        return f"stopped at {snapshot.stopped_s:.0f} s of run {len(snapshot.runs)}"
    if snapshot.finished:
        return "one run made" if snapshot.total == 1 else f"{snapshot.total} runs made"
    return f"run {max(1, len(snapshot.runs))} of {snapshot.total}"


def _looks(runs: Sequence[LiveRun]) -> dict[str, Look]:
    kinds = {run.variant: run.kind for run in runs}
    return dict(zip(kinds, style.looks(list(kinds.values())), strict=True))


def _lines(ax: Axes, snapshot: Snapshot, looks: dict[str, Look], what: str) -> None:
    top = 1.0
    for number, run in enumerate(snapshot.runs, 1):
        points = _points(run, what)
        current = number == len(snapshot.runs) and not snapshot.finished
        look = looks[run.variant]
        x, y = [point[0] for point in points], [point[1] for point in points]
        ax.plot(x, y, linestyle=look.line, color=look.colour, lw=2.0 if current else 1.1, alpha=1 if current else 0.5)
        top = max([top, *y])
    if snapshot.warmup_s:
        ax.axvspan(0, snapshot.warmup_s, color=SHADE, zorder=0)
    ax.set_xlim(0, snapshot.planned_s)
    ax.set_ylim(0, 1.15 * top)
    ax.set_xlabel("seconds from the start of the load", color=TEXT)
    ax.set_title(what)
    ax.xaxis.set_major_locator(MaxNLocator(6))
    ax.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    ax.grid(axis="y", color=GRID, lw=0.8)


def _names(ax: Axes, snapshot: Snapshot, looks: dict[str, Look]) -> None:
    """Name the variants right of the last axes, near the height at which their newest line ends."""
    width = style.axes_width_in(ax)
    levels = {}
    for run in snapshot.runs:
        points = _points(run, BACKENDS if snapshot.with_backends else RATE)
        if points:
            levels[run.variant] = points[-1][1] / ax.get_ylim()[1]
    wanted = [levels.get(name, 0.5) for name in looks]
    places = spread(wanted, [0.13] * len(wanted), 0, 1)
    for (name, look), y in zip(looks.items(), places, strict=True):
        ax.plot([1 + 0.1 / width], [y], look.marker, color=look.colour, ms=6, transform=ax.transAxes, clip_on=False)
        ax.text(1 + 0.2 / width, y, name, va="center", fontsize=SMALL, color=INK, transform=ax.transAxes)
