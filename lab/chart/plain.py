"""The two figures that most lessons need: dots in rows, and lines over a quantity, each with the guess beside it.

Every repeat is a dot. Limits and the reader's guess are dark grey lines. Series are named at their end. A figure says
its finding in the title, and where it comes from (n, duration, users, scale) below it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lab.chart.side import log_ticks
from lab.chart.style import (
    BODY,
    GREY,
    GRID,
    INK,
    LOOKS,
    PANEL,
    SOFT,
    TEXT,
    TITLE,
    Look,
    blank,
    fitted,
    spread,
    styled,
    text_width_in,
)
from lab.units import format_number

WIDTH_IN = 9.0
_ACROSS_IN = 0.92 * WIDTH_IN  # of words: drawn in pixels they are up to 4 % wider than measured
_TOP = -0.75  # of rows: room for the median of the first
# for series that are no pools: none of the pools' colours
EXTRA = (Look("#333333", "-", "o"), Look("#4D7A00", "-.", "s"), Look("#6A5ACD", ":", "^"), Look("#8C6D1F", "--", "D"))


@dataclass(frozen=True, slots=True)
class Row:
    """One row of dots. *kind* is a kind of pool, for its colour and mark; empty for what is none."""

    label: str
    values: Sequence[float]
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """One line: its points in the order of x. *kind* as for :class:`Row`."""

    label: str
    points: Sequence[tuple[float, float]]
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Words:
    """What stands around a figure. *guesses* and *limits*: a name and where its grey line is."""

    title: str  # the finding
    subtitle: str  # n, duration, users, scale
    x: str  # what the x axis measures, with its unit
    y: str = ""
    guesses: Mapping[str, float] = field(default_factory=dict)  # on the axis of the measured quantity
    limits: Mapping[str, float] = field(default_factory=dict)
    x_guesses: Mapping[str, float] = field(default_factory=dict)  # of a curve: on its x axis
    x_limits: Mapping[str, float] = field(default_factory=dict)


def headline(title: str) -> str:
    """Return a title in lines that fit across a figure."""
    return fitted(title, TITLE - 2, _ACROSS_IN, bold=True)


def byline(subtitle: str) -> str:
    """Return a subtitle in lines that fit across a figure."""
    return fitted(subtitle, BODY, _ACROSS_IN)


def look_of(kind: str, number: int) -> Look:
    """Return the look of a kind of pool; of what is none, the next of the colours."""
    return LOOKS[kind][0] if kind in LOOKS else EXTRA[number % len(EXTRA)]


def strip(rows: Sequence[Row], words: Words, log: bool = False) -> Figure:
    """Return dots in rows; the median of several is written above its mark; guesses and limits are vertical lines."""
    with styled():
        figure, ax = framed(
            words, 1.9 + 0.5 * len(rows), left_in=max(text_width_in(row.label, BODY) for row in rows) + 0.3
        )
        ax.set_ylim(len(rows) - 0.4, _TOP)
        ax.set_yticks(range(len(rows)), [row.label for row in rows])
        ax.tick_params(axis="y", length=0, labelsize=BODY)
        for number, row in enumerate(rows):
            look = look_of(row.kind, number if any(other.kind for other in rows) else 0)
            ax.plot(row.values, [number] * len(row.values), look.marker, color=look.colour, alpha=0.55, markersize=6)
            if row.values:
                _middle(ax, number, row.values)
        _scale(ax, log, [value for row in rows for value in row.values], words)
        for name, where in [*words.limits.items(), *words.guesses.items()]:
            guess = name in words.guesses
            ax.axvline(where, color=GREY, linewidth=1.2, linestyle=(0, (4, 3)) if guess else "-", zorder=0)
            left = not _fits(ax, where, name)
            ax.annotate(
                name, (where, _TOP), (-3 if left else 3, 3), textcoords="offset points", fontsize=BODY, color=GREY,
                ha="right" if left else "left", annotation_clip=False,
            )  # fmt: skip
        ax.set_xlabel(words.x, fontsize=BODY)
        ax.grid(axis="x", color=GRID)
        ax.set_axisbelow(True)
        ax.spines["left"].set_visible(False)
        return figure


def _fits(ax: Axes, where: float, name: str) -> bool:
    """Whether a name fits between its line and the figure's right edge."""
    across = ax.get_figure().transFigure.inverted().transform(ax.transData.transform((where, 0)))[0]  # type: ignore[union-attr]
    return float(1 - across) * WIDTH_IN > text_width_in(name, BODY) + 0.1


def _middle(ax: Axes, number: int, values: Sequence[float]) -> None:
    """Mark and write the median: of several above its mark, since beside the dots it would be read as the last's."""
    middle = median(values)
    ax.plot([middle] * 2, [number - 0.28, number + 0.28], color=INK, linewidth=1.6)
    several = len(values) > 1
    ax.annotate(
        f"median {format_number(middle)}" if several else format_number(middle),
        (middle, number - 0.28 if several else number), (0, 1) if several else (8, 0), textcoords="offset points",
        ha="center" if several else "left", va="bottom" if several else "center", fontsize=BODY, color=TEXT,
    )  # fmt: skip


def curve(
    lines: Sequence[Line], words: Words, log_x: bool = False, log_y: bool = False, top: float | None = None
) -> Figure:
    """Return lines with a dot at every point, named at their end; guesses and limits are horizontal lines.

    :param top: where the y axis ends, for lines that may leave it; by default above the highest point.
    """
    with styled():
        widest = max(text_width_in(line.label, BODY) for line in lines)
        figure, ax = framed(words, 4.6, left_in=0.9, right_in=widest + 0.35)
        for number, line in enumerate(lines):
            look = look_of(line.kind, number)
            xs, ys = zip(*line.points, strict=True)
            ax.plot(xs, ys, linestyle=look.line, marker=look.marker, color=look.colour, linewidth=1.8, markersize=5)
        if log_x:
            ax.set_xscale("log")
            log_ticks(ax)
        if log_y:
            ax.set_yscale("log")
            log_ticks(ax, ax.yaxis)
        else:
            tops = [y for line in lines for _, y in line.points] + [*words.limits.values(), *words.guesses.values()]
            ax.set_ylim(0, top or 1.08 * max(tops))
        _name_ends(ax, lines)
        for name, where in [*words.limits.items(), *words.guesses.items()]:
            ax.axhline(
                where, color=GREY, linewidth=1.2, linestyle=(0, (4, 3)) if name in words.guesses else "-", zorder=0
            )
            ax.annotate(
                name, (0, where), (4, 3), xycoords=("axes fraction", "data"), textcoords="offset points", fontsize=BODY,
                color=GREY,
            )  # fmt: skip
        _uprights(ax, words)
        ax.set_xlabel(words.x, fontsize=BODY)
        ax.set_ylabel(words.y, fontsize=BODY)
        ax.grid(color=GRID)
        ax.set_axisbelow(True)
        return figure


def _uprights(ax: Axes, words: Words) -> None:
    """Draw what was guessed of, or limits, the x axis; each name one line below the one before, where there is room."""
    for number, (name, where) in enumerate([*words.x_limits.items(), *words.x_guesses.items()]):
        dashed = (0, (4, 3)) if name in words.x_guesses else "-"
        ax.axvline(where, color=GREY, linewidth=1.2, linestyle=dashed, zorder=0)
        low, high = ax.get_xlim()
        left = where > (low + high) / 2
        ax.annotate(
            name, (where, 1 - 0.07 * number), (-4 if left else 4, -3), xycoords=("data", "axes fraction"), va="top",
            ha="right" if left else "left", textcoords="offset points", fontsize=BODY, color=GREY,
        )  # fmt: skip


def structure(words: Words, names: Sequence[str]) -> str:
    """Return the constant line that CI compares: the axes and the series, and nothing measured."""
    axes = words.x if not words.y else f"{words.y} by {words.x}"
    return f"chart: {axes}; {', '.join(names)}"


def framed(words: Words, height_in: float, left_in: float, right_in: float = 0.7) -> tuple[Figure, Axes]:
    """Return a figure with its title and subtitle, and empty axes of *height_in* below them."""
    title, subtitle = headline(words.title), byline(words.subtitle)
    head_in = 0.35 + 0.26 * (title.count("\n") + 1) + 0.2 * (subtitle.count("\n") + 1) + 0.2
    height_in += head_in
    figure = blank(WIDTH_IN, height_in)
    left, bottom = left_in / WIDTH_IN, 0.65 / height_in
    ax = figure.add_axes((left, bottom, 1 - left - right_in / WIDTH_IN, 1 - bottom - head_in / height_in))
    figure.text(0.02, 1 - 0.12 / height_in, title, va="top", fontsize=TITLE - 2, color=INK, weight="bold")
    below = 0.2 + 0.26 * (title.count("\n") + 1)
    figure.text(0.02, 1 - below / height_in, subtitle, va="top", fontsize=BODY, color=SOFT)
    return figure, ax


def _scale(ax: Axes, log: bool, values: Sequence[float], words: Words) -> None:
    known = [*values, *words.guesses.values(), *words.limits.values()]
    if log:
        ax.set_xscale("log")
        positive = [value for value in known if value > 0]
        ax.set_xlim(min(positive) / 1.4, max(positive) * 1.8)
        log_ticks(ax)
    else:
        ax.set_xlim(0, 1.12 * max(known, default=1.0) or 1.0)


def _name_ends(ax: Axes, lines: Sequence[Line]) -> None:
    figure = ax.get_figure()
    assert isinstance(figure, Figure)
    height_points = ax.get_position().height * figure.get_size_inches()[1] * 72
    to_share = ax.transAxes.inverted()
    ends = [to_share.transform(ax.transData.transform(line.points[-1]))[1] for line in lines]
    step = 1.35 * PANEL / height_points
    for line, end, where in zip(lines, ends, spread(ends, [step] * len(lines), 0, 1), strict=True):
        x = to_share.transform(ax.transData.transform(line.points[-1]))[0]
        ax.annotate(
            line.label, (x, end), (1.015, where), xycoords="axes fraction", textcoords="axes fraction", va="center",
            fontsize=BODY, color=TEXT, annotation_clip=False,
        )  # fmt: skip
