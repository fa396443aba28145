"""Which of many things meets which of a few others: a grid of marks, each with its word.

A mark is told by its form and its word, not by its colour alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from lab.chart.plain import WIDTH_IN, byline, headline
from lab.chart.style import (
    BODY,
    GREY,
    INK,
    SHADE,
    SOFT,
    TEXT,
    TITLE,
    axes_width_in,
    blank,
    fitted,
    styled,
    text_width_in,
)

_ROW_IN = 0.31


@dataclass(frozen=True, slots=True)
class Grid:
    """A grid: *cells* has a row for each of *rows*, and in it a truth for each of *columns*."""

    title: str  # the finding
    subtitle: str
    columns: Sequence[str]
    rows: Sequence[str]
    cells: Sequence[Sequence[bool]]
    yes: str
    no: str
    column_notes: Sequence[str] = ()  # a second line below each column's name
    row_notes: Sequence[str] = ()  # beside each row's name, grey
    groups: Sequence[int] = ()  # a line is drawn above each of these rows


def matrix(grid: Grid) -> Figure:
    """Return the grid: a filled square and the word for yes, a small circle and the word for no."""
    with styled():
        title, subtitle = headline(grid.title), byline(grid.subtitle)
        notes = [note.replace(" ", "\n") for note in grid.column_notes]
        lines = 1 + max((note.count("\n") + 1 for note in notes), default=0)
        names_in = max(text_width_in(name, BODY) for name in grid.rows) + 0.35
        notes_in = max((text_width_in(note, BODY) for note in grid.row_notes), default=0.0) + 0.3
        left_in = names_in + (notes_in if grid.row_notes else 0)
        width_in = WIDTH_IN - left_in - 0.15
        heads = [fitted(name, BODY, 0.9 * width_in / len(grid.columns), bold=True) for name in grid.columns]
        lines += max(head.count("\n") for head in heads)
        head_in = 0.75 + 0.26 * title.count("\n") + 0.2 * subtitle.count("\n") + 0.2 * lines
        figure = blank(WIDTH_IN, head_in + _ROW_IN * len(grid.rows) + 0.15)
        height_in = figure.get_size_inches()[1]
        ax = figure.add_axes(
            (left_in / WIDTH_IN, 0.1 / height_in, width_in / WIDTH_IN, _ROW_IN * len(grid.rows) / height_in)
        )
        ax.set_xlim(0, len(grid.columns))
        ax.set_ylim(len(grid.rows) - 0.5, -0.5)
        ax.set_axis_off()
        figure.text(0.02, 1 - 0.12 / height_in, title, va="top", fontsize=TITLE - 2, color=INK, weight="bold")
        below_in = 0.2 + 0.26 * (title.count("\n") + 1)
        figure.text(0.02, 1 - below_in / height_in, subtitle, va="top", fontsize=BODY, color=SOFT)
        _heads(ax, heads, notes)
        for number, (name, cells) in enumerate(zip(grid.rows, grid.cells, strict=True)):
            if number % 2 == 0:
                edge = _x(ax, 0.1 - left_in)
                band = Rectangle((edge, number - 0.5), ax.get_xlim()[1] - edge, 1, color=SHADE, zorder=0, clip_on=False)
                ax.add_patch(band)
            outside_in = -left_in + 0.18
            ax.text(_x(ax, outside_in), number, name, fontsize=BODY, color=TEXT, va="center")
            if grid.row_notes:
                ax.text(_x(ax, outside_in + names_in - 0.1), number, grid.row_notes[number], fontsize=BODY,
                        color=GREY, va="center")  # fmt: skip
            for column, yes in enumerate(cells):
                _mark(ax, column, number, yes, grid.yes if yes else grid.no)
        for number in grid.groups:
            ax.plot(
                [_x(ax, 0.1 - left_in), ax.get_xlim()[1]], [number - 0.5] * 2, color=GREY, linewidth=0.8, clip_on=False
            )
        return figure


def _x(ax: Axes, inches: float) -> float:
    """Return the place so many inches from the left edge of the axes, in columns."""
    low, high = ax.get_xlim()
    return inches / axes_width_in(ax) * (high - low)


def _heads(ax: Axes, columns: Sequence[str], notes: Sequence[str]) -> None:
    lift = 7 + 14.5 * max((note.count("\n") + 1 for note in notes), default=0)
    for number, name in enumerate(columns):
        note = notes[number] if notes else ""
        for text, up, colour, weight in ((name, lift, INK, "bold"), (note, lift - 2, GREY, "normal")):
            ax.annotate(
                text, (number + 0.06, -0.5), (0, up), textcoords="offset points", fontsize=BODY, color=colour,
                weight=weight, va="bottom" if text is name else "top", annotation_clip=False,
            )  # fmt: skip


def _mark(ax: Axes, column: int, row: int, yes: bool, word: str) -> None:
    colour, size = (INK, 9) if yes else (GREY, 6)
    ax.plot(
        [column + 0.1], [row], "s" if yes else "o", color=INK if yes else "white", markeredgecolor=colour,
        markersize=size,
    )  # fmt: skip
    ax.annotate(
        word, (column + 0.1, row), (10, 0), textcoords="offset points", fontsize=BODY, color=colour, va="center",
        weight="bold" if yes else "normal",
    )  # fmt: skip
