"""One run by itself: every request's latency, and where the time of a mean request went."""

from matplotlib.figure import Figure

from lab.analyse.measured import measure
from lab.analyse.split import WORDS
from lab.analyse.summary import VariantSummary
from lab.chart import labels, style
from lab.chart.breakdown import time_split
from lab.chart.distribution import distribution
from lab.chart.side import Side
from lab.record.run import Run
from lab.units import format_ms, format_number

SIZE_IN = (12.0, 4.6)
_LEFT, _RIGHT = 0.065, 0.965


def figure(run: Run, summary: VariantSummary) -> Figure:
    """Return the figure of *run*, whose numbers are in *summary*.

    :raises RecordError: if the run cannot be read.
    """
    name = labels.pool_name(run.manifest.pool)
    look = style.looks([str(run.manifest.pool.get("kind", "queue"))])[0]
    side = Side(summary, (run,), (measure(run),), name, look)
    with style.styled():
        drawn = style.blank(*SIZE_IN)
        drawn.text(_LEFT, 0.92, finding(run, summary), fontsize=style.TITLE - 2, weight="bold", color=style.INK)
        grid = drawn.add_gridspec(
            1, 2, width_ratios=[1.15, 1], wspace=0.42, left=_LEFT, right=_RIGHT, top=0.78, bottom=0.16
        )
        distribution(drawn.add_subplot(grid[0, 0]), [side])
        time_split(drawn.add_subplot(grid[0, 1]), [side])
    return drawn


def finding(run: Run, summary: VariantSummary) -> str:
    """Return what the run says, in a line."""
    rate = "no answer in the measured window"
    if summary.throughput_per_s is not None:
        rate = f"{format_number(summary.throughput_per_s)} answers per second"
    return f"{labels.pool_name(run.manifest.pool)}: {rate}"


def alt(run: Run, summary: VariantSummary) -> str:
    """Return the finding with the latencies, as a sentence for those who don't see the figure."""
    shown = ((name, getattr(summary.latency_ms, name)) for name in ("p50", "p95", "p99"))
    known = ", ".join(f"{name} {format_ms(value)}" for name, value in shown if value is not None)
    parts = summary.split_ms.as_dict() if summary.split_ms else {}
    most = max(((value, name) for name, value in parts.items() if value is not None), default=None)
    text = f"{finding(run, summary)}; latency {known or 'of too few requests for a percentile'}"
    return f"{text}; of a mean request {format_ms(most[0])} went to {WORDS[most[1]]}" if most else text
