"""What a whole is made of, at several stages: bars whose parts are named inside, with limits and a guess beside them.

For shares of one thing that was counted, such as the bytes of a file; not for means of many measurements.
"""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lab.chart.plain import WIDTH_IN, Words, byline, headline
from lab.chart.style import BODY, GREY, GRID, INK, SOFT, TEXT, TITLE, blank, styled, text_width_in

# dark, middle, light, and a pattern beside it: told apart without colours
LOOKS = (("#4a4a4a", "", "white"), ("#b5b5b5", "///", INK), ("white", "", INK))
_ROW_IN = 0.5


def parts(stages: Mapping[str, Mapping[str, float]], words: Words) -> Figure:
    """Return a bar for each stage, of its parts in their order, up to three; *words.guesses* are on the x axis."""
    with styled():
        title, subtitle = headline(words.title), byline(words.subtitle)
        head_in = 0.95 + 0.26 * title.count("\n") + 0.2 * subtitle.count("\n")
        height_in = head_in + _ROW_IN * len(stages) + 0.65
        figure = blank(WIDTH_IN, height_in)
        left_in = max(text_width_in(name, BODY) for name in stages) + 0.3
        ax = figure.add_axes(
            (
                left_in / WIDTH_IN,
                0.65 / height_in,
                1 - (left_in + 0.3) / WIDTH_IN,
                _ROW_IN * len(stages) / height_in,
            )
        )
        figure.text(0.02, 1 - 0.12 / height_in, title, va="top", fontsize=TITLE - 2, color=INK, weight="bold")
        below_in = 0.2 + 0.26 * (title.count("\n") + 1)
        figure.text(0.02, 1 - below_in / height_in, subtitle, va="top", fontsize=BODY, color=SOFT)
        totals = [sum(values.values()) for values in stages.values()]
        ax.set_xlim(0, 1.04 * max([*totals, *words.guesses.values()]))
        ax.set_ylim(len(stages) - 0.5, -0.5)
        ax.set_yticks(range(len(stages)), list(stages))
        ax.tick_params(axis="y", length=0, labelsize=BODY)
        for number, values in enumerate(stages.values()):
            _bar(ax, number, values)
        _guesses(ax, words.guesses)
        ax.set_xlabel(words.x, fontsize=BODY)
        ax.grid(axis="x", color=GRID)
        ax.set_axisbelow(True)
        ax.spines["left"].set_visible(False)
        return figure


def _bar(ax: Axes, row: int, values: Mapping[str, float]) -> None:
    start = 0.0
    low, high = ax.get_xlim()
    for (name, value), (face, hatch, ink) in zip(values.items(), LOOKS, strict=False):
        ax.barh(row, value, left=start, height=0.62, color=face, edgecolor=INK, hatch=hatch, linewidth=0.8)
        if value > 0.1 * (high - low):  # a word that fits
            box = {"facecolor": face, "edgecolor": "none", "pad": 2.0} if hatch else None
            where = start + 0.01 * (high - low)
            ax.text(where, row, name, va="center", fontsize=BODY, color=ink, bbox=box)
        start += value


def _guesses(ax: Axes, guesses: Mapping[str, float]) -> None:
    for name, where in guesses.items():
        ax.axvline(where, color="white", linewidth=3.5, zorder=5)  # seen on a dark bar too
        ax.axvline(where, color=GREY, linewidth=1.6, linestyle=(0, (4, 3)), zorder=6)
        ax.annotate(
            name, (where, -0.5), (3, 3), textcoords="offset points", fontsize=BODY, color=TEXT, annotation_clip=False
        )


def structure(words: Words, stages: Sequence[str], names: Sequence[str]) -> str:
    """Return the constant line that CI compares: the axis, the stages and the parts."""
    return f"chart: {words.x}; {', '.join(stages)}; {', '.join(names)}"
