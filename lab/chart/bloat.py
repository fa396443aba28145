"""The figures of tables' space: what each way says beside what a rewrite gave back, and a table's course over time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lab.chart.plain import EXTRA, WIDTH_IN, headline
from lab.chart.style import BODY, GREY, GRID, INK, PANEL, SOFT, TEXT, TITLE, Look, blank, spread, styled, text_width_in
from lab.record.bloat import MB, Sample

FAR_POINTS = 3.0  # what is farther from the truth is named in the figure
_RIGHT = Look("#555555", "-", "o")


@dataclass(frozen=True, slots=True)
class Said:
    """One row: the truth, and what each way says of it; None if it says nothing. Per cent of the file."""

    label: str
    truth_pct: float
    by_way: Mapping[str, float | None]


@dataclass(frozen=True, slots=True)
class Course:
    """One panel: a table's samples, and when it was seen to have been vacuumed."""

    label: str
    samples: Sequence[Sample]
    vacuumed_s: Sequence[float]


def said(rows: Sequence[Said], title: str, subtitle: str, x: str, far_points: float = FAR_POINTS) -> Figure:
    """Return the truth as a bar across each row, and the ways as dots; those that are far from it are named."""
    with styled():
        left_in = max(text_width_in(row.label, BODY) for row in rows) + 0.35
        figure, ax = _panel(title, subtitle, 1.5 + 0.55 * len(rows), left_in)
        ax.set_ylim(len(rows) - 0.4, -0.7)
        ax.set_yticks(range(len(rows)), [row.label for row in rows])
        ax.tick_params(axis="y", length=0, labelsize=BODY)
        for number, row in enumerate(rows):
            ax.plot([row.truth_pct] * 2, [number - 0.3, number + 0.3], color=INK, linewidth=2.2)
            _dots(ax, number, row, far_points)
        values = [value for row in rows for value in (row.truth_pct, *row.by_way.values()) if value is not None]
        low, high = min(0.0, *values), max(values)
        ax.set_xlim(low - 0.04 * (high - low), high + 0.16 * (high - low))
        ax.annotate(
            "bar: the truth", (rows[0].truth_pct, -0.3), (6, 4), textcoords="offset points", fontsize=BODY, color=TEXT
        )
        ax.set_xlabel(x, fontsize=BODY)
        ax.grid(axis="x", color=GRID)
        ax.set_axisbelow(True)
        ax.spines["left"].set_visible(False)
        return figure


def _dots(ax: Axes, number: int, row: Said, far_points: float) -> None:
    known = [(way, value) for way, value in row.by_way.items() if value is not None]
    for place, (way, value) in enumerate(known):
        wrong = abs(value - row.truth_pct) > far_points
        look = EXTRA[list(row.by_way).index(way) % len(EXTRA)] if wrong else _RIGHT
        height = number if wrong else number + 0.16 * (place - (len(known) - 1) / 2)
        ax.plot([value], [height], look.marker, color=look.colour, markersize=7 if wrong else 4.5, alpha=0.85)
        if wrong:
            ax.annotate(
                way, (value, number), (8, 0), textcoords="offset points", va="center", fontsize=BODY, color=TEXT
            )


def course(panels: Sequence[Course], title: str, subtitle: str, guess_mb: float | None = None) -> Figure:
    """Return one panel for each course, on the same scale: the file, what of it is free, what dead; VACUUM marked."""
    with styled():
        height_in = 2.1 * len(panels) + 0.5 + _head_in(title)
        figure = blank(WIDTH_IN, height_in)
        _head(figure, title, subtitle)
        top = max([sample.size_bytes / MB for panel in panels for sample in panel.samples] + [guess_mb or 0.0])
        last_s = max(sample.at_s for panel in panels for sample in panel.samples)
        for number, panel in enumerate(panels):
            bottom_in = 0.65 + (len(panels) - 1 - number) * 2.1
            ax = figure.add_axes((0.9 / WIDTH_IN, bottom_in / height_in, 6.9 / WIDTH_IN, 1.55 / height_in))
            ax.set_ylim(0, 1.12 * top)
            _draw_course(ax, panel)
            ax.set_xlim(0, last_s)
            if guess_mb is not None and panel is panels[0]:
                ax.axhline(guess_mb, color=GREY, linewidth=1.2, linestyle=(0, (4, 3)), zorder=0)
                ax.annotate(
                    "your guess", (0, guess_mb), (4, 3), xycoords=("axes fraction", "data"),
                    textcoords="offset points", fontsize=BODY, color=GREY,
                )  # fmt: skip
            if panel is panels[-1]:
                ax.set_xlabel("time, s", fontsize=BODY)
        return figure


def _draw_course(ax: Axes, panel: Course) -> None:
    times = [sample.at_s for sample in panel.samples]
    series = (
        ("file", [sample.size_bytes / MB for sample in panel.samples]),
        ("free in it", [sample.free_bytes / MB for sample in panel.samples]),
        ("dead in it", [sample.dead_bytes / MB for sample in panel.samples]),
    )
    for look, (_, values) in zip(EXTRA, series, strict=False):
        ax.plot(times, values, linestyle=look.line, marker=look.marker, color=look.colour, markersize=3, linewidth=1.6)
    for at_s in panel.vacuumed_s:
        ax.axvline(at_s, color=GREY, linewidth=0.9, zorder=0)
        ax.plot([at_s], [0], "^", color=GREY, markersize=9, clip_on=False)
    top = ax.get_ylim()[1]
    wanted = [values[-1] / top for _, values in series]
    for (name, _), where in zip(series, spread(wanted, [0.15] * len(series), 0, 1), strict=True):
        ax.annotate(name, (1.015, where), xycoords="axes fraction", va="center", fontsize=BODY, color=TEXT)
    if panel.vacuumed_s:
        ax.annotate(
            "▲ VACUUM ran", (1, 1), (0, 4), xycoords="axes fraction", textcoords="offset points", ha="right",
            fontsize=BODY, color=GREY,
        )  # fmt: skip
    ax.set_title(panel.label, fontsize=PANEL)
    ax.set_ylabel("MB", fontsize=BODY)
    ax.grid(color=GRID)
    ax.set_axisbelow(True)


def _panel(title: str, subtitle: str, height_in: float, left_in: float) -> tuple[Figure, Axes]:
    head_in = _head_in(title)
    height = height_in + head_in
    figure = blank(WIDTH_IN, height)
    _head(figure, title, subtitle)
    ax = figure.add_axes(
        (left_in / WIDTH_IN, 0.65 / height, 1 - (left_in + 0.5) / WIDTH_IN, 1 - (head_in + 0.65) / height)
    )
    return figure, ax


def _head_in(title: str) -> float:
    return 0.7 + 0.26 * (headline(title).count("\n") + 1)


def _head(figure: Figure, title: str, subtitle: str) -> None:
    height_in = figure.get_size_inches()[1]
    text = headline(title)
    below_in = 0.2 + 0.26 * (text.count("\n") + 1)
    figure.text(0.02, 1 - 0.12 / height_in, text, va="top", fontsize=TITLE - 2, color=INK, weight="bold")
    figure.text(0.02, 1 - below_in / height_in, subtitle, va="top", fontsize=BODY, color=SOFT)
