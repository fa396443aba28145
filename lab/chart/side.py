"""One variant as every panel draws it, and the little that panels share."""

import math
from dataclasses import dataclass

from matplotlib.axes import Axes
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


def log_ticks(ax: Axes) -> None:
    """Tick a log axis at 1, 2 and 5, or at powers of ten if it is long, in plain numbers."""
    low, high = (math.log10(limit) for limit in ax.get_xlim())
    subs = (1.0, 2.0, 5.0) if high - low < 2.2 else (1.0,)
    ax.xaxis.set_major_locator(LogLocator(base=10, subs=subs, numticks=6 if high - low > 5 else 12))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_minor_formatter(NullFormatter())


def say(ax: Axes, text: str) -> None:
    """Say in the middle of an empty panel why it is empty."""
    ax.set_yticks([])
    ax.text(0.5, 0.5, text, ha="center", va="center", color=SOFT, transform=ax.transAxes)
