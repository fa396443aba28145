"""Every request of every run: the share answered within a latency, on a log axis.

The faster variant is named left of all curves and the slower right of them, where a distribution leaves room.
"""

import math
from collections.abc import Sequence
from statistics import median
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from lab.chart import style
from lab.chart.labels import wrapped
from lab.chart.side import Side, log_ticks, say
from lab.chart.style import GRID, INK, SMALL, axes_width_in, text_width_in
from lab.units import format_ms

POINTS = 400  # of a distribution's curve; more can't be seen


def distribution(ax: Axes, sides: Sequence[Side]) -> None:
    """Draw the share of requests answered within a latency, one curve for each run, on a log axis."""
    ax.set_title("Every request, every repeat")
    ax.set_xlabel("latency from the intended start, ms (log)")
    ax.set_ylabel("requests answered within, %")
    drawn = [side for side in sides if any(len(run.latency_ms) for run in side.measured)]
    if not drawn:
        say(ax, "no request was answered\nin the measured window")
        return
    for side in drawn:
        for run in side.measured:
            x, y = curve(run.latency_ms, run.latency_counts)
            ax.plot(x, y, linestyle=side.look.line, color=side.look.colour, lw=1.4, alpha=0.85)
    ax.set_xscale("log")
    _room_for_names(ax, drawn)
    _name_curves(ax, drawn)
    _mark_p99(ax, drawn)
    ax.set_ylim(0, 116)
    ax.set_yticks(range(0, 101, 20))
    log_ticks(ax)
    ax.grid(axis="both", color=GRID, lw=0.8)


def curve(
    values: np.ndarray[Any, Any], counts: np.ndarray[Any, Any] | None = None
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return (values, per cent of all that are not above them), thinned to what can be seen."""
    if len(values) == 0:
        return np.empty(0), np.empty(0)
    if counts is not None:
        order = np.argsort(values)
        return values[order], 100.0 * np.cumsum(counts[order]) / counts.sum()
    ordered = np.sort(values)
    at = np.unique(np.linspace(0, len(ordered) - 1, min(POINTS, len(ordered))).astype(int))
    return ordered[at], 100.0 * (at + 1) / len(ordered)


def _quantiles(side: Side, share: float) -> list[float]:
    runs = [run for run in side.measured if len(run.latency_ms)]
    return [
        float(np.quantile(run.latency_ms, share, method="inverted_cdf", weights=run.latency_counts)) for run in runs
    ]


def _room_for_names(ax: Axes, sides: Sequence[Side]) -> None:
    """Widen the log axis so that the names fit on its left and its right, and the p99 above."""
    positive = [q for side in sides for share in (0.01, 0.999) for q in _quantiles(side, share) if q > 0]
    low, high = math.log10(min(positive)), math.log10(max(positive))
    if high - low < 0.7:
        middle = (high + low) / 2
        low, high = middle - 0.35, middle + 0.35
    width = axes_width_in(ax)
    fast, slow = _by_speed(sides)
    left = text_width_in(_lines(fast), style.BODY) + 0.4
    right = text_width_in(_lines(slow), style.BODY) + 0.4
    inner_low = math.log10(max(min(q for side in sides for q in _quantiles(side, 0.5)), 1e-4))
    inner_high = math.log10(max(max(q for side in sides for q in _quantiles(side, 0.5)), 1e-4))
    per_in = (high - low) / width
    for _ in range(40):  # the scale changes with the room that is given
        low = min(low, inner_low - left * per_in)
        high = max(high, inner_high + right * per_in, _p99_end(sides, per_in))
        per_in = (high - low) / width
    ax.set_xlim(10**low, 10**high)


def _p99_end(sides: Sequence[Side], per_in: float) -> float:
    ends = [math.log10(side.summary.latency_ms.p99) for side in sides if side.summary.latency_ms.p99]
    return max(ends) + 0.95 * per_in if ends else -math.inf


def _by_speed(sides: Sequence[Side]) -> tuple[Side, Side]:
    ordered = sorted(sides, key=lambda side: median(_quantiles(side, 0.5)))
    return ordered[0], ordered[-1]


def _name_curves(ax: Axes, sides: Sequence[Side]) -> None:
    """Name the faster variant left of all curves, and the slower right of them: nothing else is there."""
    fast, slow = _by_speed(sides)
    low, high = (math.log10(limit) for limit in ax.get_xlim())
    per_in = (high - low) / axes_width_in(ax)
    left = min(q for side in sides for q in _quantiles(side, 0.50))
    _tag(ax, 10 ** (math.log10(left) - 0.15 * per_in), 58, fast, "right", per_in)
    if slow is not fast:
        right = max(q for side in sides for q in _quantiles(side, 0.45))
        _tag(ax, 10 ** (math.log10(right) + 0.15 * per_in), 36, slow, "left", per_in)


def _lines(side: Side) -> str:
    return wrapped(side.name, 16)


def _tag(ax: Axes, x: float, y: float, side: Side, align: str, per_in: float) -> None:
    ax.plot([x], [y], side.look.marker, color=side.look.colour, ms=7, mew=2 if side.look.marker in "x+" else 1)
    step = (-0.12 if align == "right" else 0.12) * per_in
    ax.text(10 ** (math.log10(x) + step), y, _lines(side), ha=align, va="center", color=INK)


def _mark_p99(ax: Axes, sides: Sequence[Side]) -> None:
    """Mark each p99 that could be had; the lower one's text ends at its mark, and the higher one's begins there."""
    had = sorted(
        ((side.summary.latency_ms.p99, side) for side in sides if side.summary.latency_ms.p99 is not None),
        key=lambda found: found[0],
    )
    for number, (p99, side) in enumerate(had):
        lower = number == 0 and len(had) > 1
        ax.plot([p99], [99], side.look.marker, color=side.look.colour, ms=7, mew=2 if side.look.marker in "x+" else 1)
        ax.annotate(
            f"p99 {format_ms(p99)}",
            (p99, 99),
            xytext=(-2 if lower else 2, 9),
            textcoords="offset points",
            color=INK,
            fontsize=SMALL,
            ha="right" if lower else "left",
        )
