"""Colours, marks and sizes of every figure, and how text is measured and kept apart.

NullPool is vermillion, dashed and a cross, a pool is blue, solid and a dot, in every figure; each other kind has a
colour, line and mark of its own, which people who see fewer colours tell apart too. Limits and guesses are
dark grey. Text is black or grey beside a coloured mark: the colours are too light for small letters. Figures are made
without pyplot, whose global state threads of a notebook would share.
"""

import textwrap
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextPath

INK, TEXT, SOFT, GREY, GRID, SHADE = "#111111", "#333333", "#555555", "#444444", "#eeeeee", "#f4f4f4"
TITLE, PANEL, BODY, SMALL = 16, 12, 11, 10  # points

RC: Mapping[str, Any] = {
    "font.size": BODY,
    "font.family": "DejaVu Sans",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": SOFT,
    "axes.labelcolor": TEXT,
    "axes.titlesize": PANEL,
    "axes.titlelocation": "left",
    "axes.titlecolor": INK,
    "xtick.color": TEXT,
    "ytick.color": TEXT,
    "figure.facecolor": "white",
    "axes.facecolor": "white",
    "savefig.facecolor": "white",
    "text.parse_math": False,  # a question may speak of dollars
}


@dataclass(frozen=True, slots=True)
class Look:
    """How one variant is drawn, in every panel."""

    colour: str
    line: str | tuple[int, tuple[float, ...]]
    marker: str


LOOKS: Mapping[str, tuple[Look, Look]] = {  # kind of pool -> the first variant of that kind, and a second
    "null": (Look("#D55E00", "--", "x"), Look("#8C3B00", (0, (1, 1.2)), "+")),
    "queue": (Look("#0072B2", "-", "o"), Look("#003B5C", (0, (6, 1.5, 1, 1.5)), "D")),
    "connect": (Look("#CC79A7", "-.", "s"), Look("#8A3F68", (0, (3, 1, 1, 1, 1, 1)), "^")),
    "async": (Look("#009E73", (0, (7, 1.5)), "v"), Look("#00563F", (0, (7, 1.5, 1, 1.5, 1, 1.5)), "<")),
    "psycopg_pool": (Look("#602000", (0, (2, 1)), "P"), Look("#A0562D", (0, (2, 3)), ">")),
    "pgbouncer": (Look("#8000E0", (0, (4, 1, 1.5, 1)), "h"), Look("#46007A", (0, (4, 1, 1, 1, 1, 1)), "*")),
}


def looks(kinds: Sequence[str]) -> list[Look]:
    """Return the look of each variant, given its kind of pool; a second of the same kind looks different."""
    return [LOOKS.get(kind, LOOKS["queue"])[min(kinds[:index].count(kind), 1)] for index, kind in enumerate(kinds)]


@contextmanager
def styled() -> Iterator[None]:
    """Make and save figures in the lab's style; a sign that the font lacks is drawn as a box, without a warning."""
    values: Any = dict(RC)
    with rc_context(values), warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"Glyph \d+ ")
        yield


def blank(width_in: float, height_in: float) -> Figure:
    """Return an empty white figure of a fixed size, without pyplot."""
    return Figure(figsize=(width_in, height_in), facecolor="white")


@lru_cache(maxsize=512)
def text_width_in(text: str, size: float, bold: bool = False) -> float:
    """Return how wide the widest line of *text* is when it is drawn, inches."""
    font = FontProperties(family="DejaVu Sans", weight="bold" if bold else "normal")
    lines = [line for line in text.split("\n") if line.strip()]
    return max((TextPath((0, 0), line, size=size, prop=font).get_extents().width / 72 for line in lines), default=0.0)


def fitted(text: str, size: float, width_in: float, bold: bool = False) -> str:
    """Return *text* in lines that are at most so wide when they are drawn; a single word may be wider.

    >>> fitted("one two three", 11, 0.7).splitlines()
    ['one two', 'three']
    """
    wide_in = text_width_in(text, size, bold)
    # measuring is slow, so a line's length is guessed from the whole, and shortened while a line is too wide
    characters = len(text) if wide_in <= width_in else int(len(text) * width_in / wide_in) + 2
    found = textwrap.wrap(text, characters, break_long_words=False) or [text]
    longest_word = max((len(word) for word in text.split()), default=1)
    while characters > longest_word and any(text_width_in(line, size, bold) > width_in for line in found):
        characters -= 1
        found = textwrap.wrap(text, characters, break_long_words=False)
    return "\n".join(found)


def axes_width_in(ax: Axes) -> float:
    """Return the width of the axes within their figure, inches."""
    figure = ax.get_figure()
    return float(ax.get_position().width * figure.get_size_inches()[0]) if isinstance(figure, Figure) else 1.0


def spread(wanted: Sequence[float], sizes: Sequence[float], low: float, high: float) -> list[float]:
    """Return centres near *wanted*, in the same order, so that intervals of *sizes* don't overlap within low to high.

    >>> spread([5.0, 5.0], [2.0, 2.0], 0, 10)
    [4.0, 6.0]
    """
    order = sorted(range(len(wanted)), key=lambda index: wanted[index])
    groups: list[list[int]] = []
    for index in order:
        groups.append([index])
        while len(groups) > 1 and _right(groups[-2], wanted, sizes, low, high) > _left(
            groups[-1], wanted, sizes, low, high
        ):
            groups[-2:] = [groups[-2] + groups[-1]]
    centres = [0.0] * len(wanted)
    for group in groups:
        edge = _left(group, wanted, sizes, low, high)
        for index in group:
            centres[index] = edge + sizes[index] / 2
            edge += sizes[index]
    return centres


def _left(group: list[int], wanted: Sequence[float], sizes: Sequence[float], low: float, high: float) -> float:
    width = sum(sizes[index] for index in group)
    middle = sum(wanted[index] for index in group) / len(group)
    return max(low, min(middle - width / 2, high - width))


def _right(group: list[int], wanted: Sequence[float], sizes: Sequence[float], low: float, high: float) -> float:
    return _left(group, wanted, sizes, low, high) + sum(sizes[index] for index in group)
