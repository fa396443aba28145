"""Where the time of a mean request went: one bar of parts for each variant, every part named beside it."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from lab.analyse.split import Split
from lab.chart.labels import wrapped
from lab.chart.side import Side
from lab.chart.style import INK, SMALL, SOFT, axes_width_in, spread, text_width_in
from lab.units import format_ms, format_number

PART_NAMES = {
    "queue": "queue",
    "network": "network",
    "pool": "pool wait",
    "connect": "connect",
    "sql": "SQL",
    "rest": "app",
}
_PART_ORDER = ("pool", "connect", "sql", "rest", "network", "queue")
_PART_COLOURS = {
    "pool": "#9a9a9a",
    "connect": "#e69f6b",
    "sql": "#4c9bd1",
    "rest": "#c9d7e3",
    "network": "#e2e2e2",
    "queue": "#f0e6c8",
}


def time_split(ax: Axes, sides: Sequence[Side]) -> None:
    """Draw the mean request of each variant as one bar of its parts."""
    ax.set_title("Where the time went")
    ax.set_xlabel("mean of one request, ms")
    rows = {1 - index: side.summary.split_ms for index, side in enumerate(sides)}
    longest = max((split.total for split in rows.values() if split), default=0.0)
    ax.set_xlim(0, longest * 1.27 if longest else 1)
    ax.set_ylim(-0.42, 1.62)
    ax.set_yticks(list(rows), [wrapped(side.name, 12) for side in sides])
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 2.5, 5, 10]))
    for y, split in rows.items():
        if split is None:
            ax.text(0, y, " no request was answered", va="center", color=SOFT, fontsize=SMALL)
        else:
            _bar(ax, y, split)


def _bar(ax: Axes, y: float, split: Split) -> None:
    per_in = ax.get_xlim()[1] / axes_width_in(ax)
    left = 0.0
    named: list[tuple[float, str]] = []
    for label, value, colour in _segments(split):
        ax.barh(y, value, left=left, color=colour, height=0.46, edgecolor="white", linewidth=0.8)
        number = format_number(float(f"{value:.2g}"))
        inside = text_width_in(number, SMALL) + 0.06 < value / per_in
        if inside:
            ax.text(left + value / 2, y, number, ha="center", va="center", fontsize=SMALL, color=INK)
        if value > 0.004 * ax.get_xlim()[1]:
            named.append((left + value / 2, label if inside else f"{label} {number}"))
        left += value
    ax.text(left + 0.08 * per_in, y, format_ms(split.total), va="center", color=INK, weight="bold")
    _name_segments(ax, y, named, per_in)


def _segments(split: Split) -> list[tuple[str, float, str]]:
    values = split.as_dict()
    if values["network"] is None:
        return [
            ("queue", max(values["queue"] or 0.0, 0.0), _PART_COLOURS["queue"]),
            ("not split further", max(split.unknown, 0.0), _PART_COLOURS["network"]),
        ]
    return [
        (PART_NAMES[part], value, _PART_COLOURS[part])
        for part in _PART_ORDER
        if (value := values[part]) is not None and value > 0
    ]


def _name_segments(ax: Axes, y: float, named: Sequence[tuple[float, str]], per_in: float) -> None:
    widths = [(text_width_in(label, SMALL) + 0.12) * per_in for _, label in named]
    centres = spread([at for at, _ in named], widths, -0.25 * per_in, ax.get_xlim()[1] + 0.2 * per_in)
    for (at, label), centre in zip(named, centres, strict=True):
        ax.text(centre, y + 0.37, label, ha="center", va="center", fontsize=SMALL, color=SOFT)
        if abs(centre - at) > 0.12 * per_in:
            ax.plot([centre, at], [y + 0.29, y + 0.235], color="#aaaaaa", lw=0.8, clip_on=False)
