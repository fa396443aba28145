"""The main figure: two variants under one load, every request and every repeat, and the verdict.

The title is the finding, computed from the verdict, also where there is none. ``describe`` is a line that stays the
same from one measurement to the next, so that a chart's structure can be compared in CI; ``alt`` tells the finding to
those who don't see the figure.
"""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lab.analyse.comparison import Comparison
from lab.analyse.measured import measure
from lab.chart import labels, panels, style
from lab.chart.breakdown import time_split
from lab.chart.distribution import distribution
from lab.chart.side import Side
from lab.record.run import Run

SIZE_IN = (12.0, 7.8)
DPI = 100
_LEFT, _RIGHT = 0.065, 0.965
_MOST_REMARKS = 3


def figure(comparison: Comparison, runs: Sequence[Run], guess: float | None = None) -> Figure:
    """Return the figure of *comparison*, which was made from *runs*; *guess* is the reader's ratio, if there is one.

    :raises RecordError: if a run cannot be read.
    """
    sides = _sides(comparison, runs)
    with style.styled():
        drawn = style.blank(*SIZE_IN)
        _head(drawn, comparison, runs)
        upper, lower = _grid(drawn)
        distribution(upper[0], sides)
        time_split(upper[1], sides)
        panels.connections(lower[0], sides, labels.max_connections(runs[0].manifest.environment))
        panels.verdict(lower[1], comparison.effect, labels.ratio_axis(comparison), sides[1].look, guess)
    return drawn


def describe(comparison: Comparison) -> str:
    """Return what kind of figure this is, its axes and its series, in one line without a measured value."""
    what = labels.ratio_axis(comparison)
    series = " and ".join(labels.names(comparison.variants))
    return (
        f"comparison of {series}: requests answered within, % by latency from the intended start, ms (log); "
        "parts of the mean request, ms; server connections by seconds from the start of the load; "
        f"{what}, each pair and 95 % interval"
    )


def alt(comparison: Comparison) -> str:
    """Return the finding as a sentence, for those who don't see the figure."""
    return labels.alt(comparison)


def png(drawn: Figure, dpi: int = DPI) -> bytes:
    """Return *drawn* as a PNG."""
    stream = BytesIO()
    with style.styled():
        drawn.savefig(stream, format="png", dpi=dpi)
    return stream.getvalue()


def save(drawn: Figure, file: Path) -> Path:
    """Write *drawn* to *file* as a PNG, in one step, and return the file."""
    part = file.with_name(file.name + ".part")
    part.write_bytes(png(drawn))
    return part.replace(file)


def _sides(comparison: Comparison, runs: Sequence[Run]) -> list[Side]:
    names = labels.names(comparison.variants)
    looks = style.looks([str(variant.pool.get("kind", "queue")) for variant in comparison.variants])
    sides = []
    for variant, name, look in zip(comparison.variants, names, looks, strict=True):
        mine = tuple(run for run in runs if run.manifest.variant == variant.name)
        sides.append(Side(variant, mine, tuple(measure(run) for run in mine), name, look))
    return sides


def _grid(drawn: Figure) -> tuple[list[Axes], list[Axes]]:
    grid = drawn.add_gridspec(
        2,
        2,
        height_ratios=[1.25, 1],
        width_ratios=[1.15, 1],
        hspace=0.45,
        wspace=0.42,
        left=_LEFT,
        right=_RIGHT,
        top=0.80,
        bottom=0.095,
    )
    axes = [drawn.add_subplot(grid[row, column]) for row in (0, 1) for column in (0, 1)]
    return axes[:2], axes[2:]


def _head(drawn: Figure, comparison: Comparison, runs: Sequence[Run]) -> None:
    """Write the finding, the conditions, and what else must be known, as large as the width allows."""
    width_in = (_RIGHT - _LEFT) * SIZE_IN[0]
    title = labels.finding(comparison)
    size = _fitting(title, style.TITLE, 12, width_in, bold=True)
    drawn.text(_LEFT, 0.953, _cut(title, size, width_in, bold=True), fontsize=size, weight="bold", color=style.INK)
    conditions = labels.subtitle(comparison, runs)
    size = _fitting(conditions, style.BODY, style.SMALL, width_in)
    drawn.text(_LEFT, 0.918, _cut(conditions, size, width_in), fontsize=size, color=style.SOFT)
    lines = labels.remarks(comparison)
    if len(lines) > _MOST_REMARKS:
        lines = [*lines[: _MOST_REMARKS - 1], f"and {len(lines) - _MOST_REMARKS + 1} more remarks"]
    text = "\n".join(_cut(line, style.SMALL, width_in) for line in lines)
    drawn.text(_LEFT, 0.906, text, fontsize=style.SMALL, color=style.TEXT, va="top", linespacing=1.25)


def _fitting(text: str, largest: float, smallest: float, width_in: float, bold: bool = False) -> float:
    size = largest
    while size > smallest and style.text_width_in(text, size, bold) > width_in:
        size -= 0.5
    return size


def _cut(text: str, size: float, width_in: float, bold: bool = False) -> str:
    """Return *text*, shortened at the end where even the smallest size is too wide."""
    if style.text_width_in(text, size, bold) <= width_in:
        return text
    while text and style.text_width_in(text + " …", size, bold) > width_in:
        text = text[:-1].rstrip()
    return text + " …"
