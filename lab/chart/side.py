"""One variant as every panel draws it, and the little that panels share."""

import math
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

from lab.analyse.measured import Measured
from lab.analyse.summary import VariantSummary
from lab.chart.style import SOFT, Look
from lab.record.run import Run


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """One variant as it is drawn: its numbers, its runs, its name and its look."""

    summary: VariantSummary
    runs: tuple[Run, ...]
    measured: tuple[Measured, ...]
    name: str
    look: Look


def log_ticks(ax: Axes, axis: Axis | None = None) -> None:
    """Tick a log axis (that of x) at 1, 2 and 5, or at powers of ten if it is long, in plain numbers."""
    axis = axis or ax.xaxis
    low, high = (math.log10(limit) for limit in sorted(axis.get_view_interval()))
    subs = (1.0, 2.0, 5.0) if high - low < 2.2 else (1.0,)
    axis.set_major_locator(LogLocator(base=10, subs=subs, numticks=6 if high - low > 5 else 12))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
    axis.set_minor_locator(NullLocator())
    axis.set_minor_formatter(NullFormatter())


def say(ax: Axes, text: str) -> None:
    """Say in the middle of an empty panel why it is empty."""
    ax.set_yticks([])
    ax.text(0.5, 0.5, text, ha="center", va="center", color=SOFT, transform=ax.transAxes)
