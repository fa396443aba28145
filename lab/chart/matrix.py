"""Which of many things meets which of a few others: a grid of marks, each with its word.

A mark is told by its form and its word, not by its colour alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lab.chart.labels import wrapped
from lab.chart.plain import WIDTH_IN
from lab.chart.style import BODY, GREY, GRID, INK, SHADE, SOFT, TEXT, TITLE, axes_width_in, blank, styled, text_width_in

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
        title = wrapped(grid.title, 78)
        subtitle = wrapped(grid.subtitle, 105)
        head_in = 0.95 + 0.26 * title.count("\n") + 0.2 * subtitle.count("\n") + (0.45 if grid.column_notes else 0.25)
        figure = blank(WIDTH_IN, head_in + _ROW_IN * len(grid.rows) + 0.15)
        height_in = figure.get_size_inches()[1]
        names_in = max(text_width_in(name, BODY) for name in grid.rows) + 0.35
        notes_in = max((text_width_in(note, BODY) for note in grid.row_notes), default=0.0) + 0.3
        left_in = names_in + (notes_in if grid.row_notes else 0)
        width_in = WIDTH_IN - left_in - 0.15
        ax = figure.add_axes(
            (left_in / WIDTH_IN, 0.1 / height_in, width_in / WIDTH_IN, _ROW_IN * len(grid.rows) / height_in)
        )
        ax.set_xlim(0, len(grid.columns))
        ax.set_ylim(len(grid.rows) - 0.5, -0.5)
        ax.set_axis_off()
        figure.text(0.02, 1 - 0.12 / height_in, title, va="top", fontsize=TITLE - 2, color=INK, weight="bold")
        below_in = 0.2 + 0.26 * (title.count("\n") + 1)
        figure.text(0.02, 1 - below_in / height_in, subtitle, va="top", fontsize=BODY, color=SOFT)
        _heads(ax, grid)
        for number, (name, cells) in enumerate(zip(grid.rows, grid.cells, strict=True)):
            if number % 2 == 0:
                ax.axhspan(number - 0.5, number + 0.5, color=SHADE, zorder=0)
            outside_in = -left_in + 0.18
            ax.text(_x(ax, outside_in), number, name, fontsize=BODY, color=TEXT, va="center")
            if grid.row_notes:
                ax.text(_x(ax, outside_in + names_in - 0.1), number, grid.row_notes[number], fontsize=BODY,
                        color=GREY, va="center")  # fmt: skip
            for column, yes in enumerate(cells):
                _mark(ax, column, number, yes, grid.yes if yes else grid.no)
        for number in grid.groups:
            ax.axhline(number - 0.5, color=GRID, linewidth=2, zorder=1)
        return figure


def _x(ax: Axes, inches: float) -> float:
    """Return the place so many inches from the left edge of the axes, in columns."""
    low, high = ax.get_xlim()
    return inches / axes_width_in(ax) * (high - low)


def _heads(ax: Axes, grid: Grid) -> None:
    for number, name in enumerate(grid.columns):
        note = f"\n{grid.column_notes[number]}" if grid.column_notes else ""
        ax.annotate(
            name, (number + 0.06, -0.5), (0, 20 if note else 6), textcoords="offset points", fontsize=BODY, color=INK,
            weight="bold", va="bottom", annotation_clip=False,
        )  # fmt: skip
        if note:
            ax.annotate(
                note.strip(), (number + 0.06, -0.5), (0, 5), textcoords="offset points", fontsize=BODY, color=GREY,
                va="bottom", annotation_clip=False,
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
