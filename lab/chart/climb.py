"""Dead rows that climb to a threshold, and above them when autovacuum was expected and when it came.

The upper panel has a span for each table, from the earliest to the latest moment that was predicted, a small arrow at
where it was, and a mark where autovacuum came; the lower one its dead rows as they were counted, up to that moment.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lab.chart.plain import WIDTH_IN, Words, byline, headline, look_of
from lab.chart.style import BODY, GREY, GRID, INK, SOFT, TEXT, TITLE, blank, styled, text_width_in


@dataclass(frozen=True, slots=True)
class Climbing:
    """One table; times in s. What was not predicted, or did not come, is None."""

    label: str
    points: Sequence[tuple[float, float]]
    predicted_at_s: float | None
    earliest_s: float | None
    latest_s: float | None
    came_s: float | None


def climb(tables: Sequence[Climbing], words: Words) -> Figure:
    """Return both panels; the limits of *words* are horizontal lines in the lower one."""
    with styled():
        figure = blank(WIDTH_IN, 5.6)
        right = text_width_in("predicted", BODY) + 0.5
        left = max(text_width_in(one.label, BODY) for one in tables) + 0.3
        above, below = _panels(figure, left, right)
        title = headline(words.title)
        figure.text(0.02, 0.98, title, va="top", fontsize=TITLE - 2, color=INK, weight="bold")
        under = 0.2 + 0.26 * (title.count("\n") + 1)
        figure.text(0.02, 1 - under / 5.6, byline(words.subtitle), va="top", fontsize=BODY, color=SOFT)
        for number, one in enumerate(tables):
            _bar(above, number, one)
            _line(below, number, one)
        _dress(above, below, tables, words)
        return figure


def _panels(figure: Figure, left_in: float, right_in: float) -> tuple[Axes, Axes]:
    left, width = left_in / WIDTH_IN, 1 - (left_in + right_in) / WIDTH_IN
    below = figure.add_axes((left, 0.12, width, 0.4))
    above = figure.add_axes((left, 0.57, width, 0.25), sharex=below)
    return above, below


def _bar(ax: Axes, number: int, one: Climbing) -> None:
    look = look_of("", number)
    if one.earliest_s is not None and one.latest_s is not None:
        ax.plot([one.earliest_s, one.latest_s], [number] * 2, "|-", color=GREY, linewidth=1.6, markersize=14)
    if one.predicted_at_s is not None:
        ax.plot([one.predicted_at_s], [number], "4", color=GREY, markersize=12)
    if one.came_s is not None:
        ax.plot([one.came_s], [number], look.marker, color=look.colour, markersize=9)


def _line(ax: Axes, number: int, one: Climbing) -> None:
    look = look_of("", number)
    if one.points:
        xs, ys = zip(*one.points, strict=True)
        ax.plot(xs, ys, linestyle=look.line, marker=look.marker, color=look.colour, linewidth=1.6, markersize=4)


def _dress(above: Axes, below: Axes, tables: Sequence[Climbing], words: Words) -> None:
    last = max([one.latest_s or 0.0 for one in tables] + [one.came_s or 0.0 for one in tables] + [1.0])
    below.set_xlim(0, 1.04 * last)
    above.set_ylim(len(tables) - 0.4, -0.6)
    above.set_yticks(range(len(tables)), [one.label for one in tables])
    above.tick_params(axis="y", length=0, labelsize=BODY)
    above.tick_params(axis="x", labelbottom=False, length=0)
    above.spines["left"].set_visible(False)
    if tables and tables[0].latest_s is not None:
        above.annotate(
            "predicted", (tables[0].latest_s, 0), (6, 0), textcoords="offset points", va="center", fontsize=BODY,
            color=TEXT, annotation_clip=False,
        )  # fmt: skip
    tops = [y for one in tables for _, y in one.points] + [*words.limits.values()]
    below.set_ylim(0, 1.15 * max(tops, default=1.0))
    for name, where in words.limits.items():
        below.axhline(where, color=GREY, linewidth=1.2, zorder=0)
        below.annotate(name, (last, where), (0, 4), textcoords="offset points", ha="right", fontsize=BODY, color=GREY)
    below.set_xlabel(words.x, fontsize=BODY)
    below.set_ylabel(words.y, fontsize=BODY)
    for ax in (above, below):
        ax.grid(axis="x" if ax is above else "both", color=GRID)
        ax.set_axisbelow(True)
