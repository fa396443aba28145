"""The lower half of the main figure: connections over time, and the verdict.

Each function draws into one empty axes. Words have a place of their own, beside the axes or in its right third, so that
they stay apart whatever the numbers are.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from lab.analyse.comparison import Effect
from lab.analyse.connections import backends
from lab.chart.labels import wrapped
from lab.chart.side import Side, log_ticks, say
from lab.chart.style import BODY, GREY, GRID, INK, SHADE, SMALL, SOFT, Look, axes_width_in, spread, text_width_in
from lab.units import format_ratio

WIDEST = 20.0  # how far beyond all other marks an interval is drawn, as a factor


def connections(ax: Axes, sides: Sequence[Side], limit: int | None) -> None:
    """Draw the app's connections over time: the middle run of each variant strong, its repeats faint."""
    ax.set_title("Connections of the app, sampled")
    ax.set_xlabel("seconds from the start of the load")
    ax.set_ylabel("server connections")
    load = sides[0].runs[0].manifest.load
    warm_s = float(load.get("warmup_s", 0))
    total_s = warm_s + float(load.get("measured_s", 0))
    peak = max((side.summary.peak_backends or 0 for side in sides), default=0)
    top = max(peak * 1.3, 3.0)
    ends = [_draw_connections(ax, side, total_s) for side in sides]
    if limit is not None and limit <= 1.6 * peak:
        top = max(top, limit * 1.2)
        ax.axhline(limit, color=GREY, lw=1, ls=":")
        ax.text(total_s, limit, "max_connections", ha="right", va="bottom", fontsize=SMALL, color=GREY)
    ax.set_xlim(0, total_s)
    ax.set_ylim(0, top)
    ax.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    ax.xaxis.set_major_locator(MaxNLocator(7, integer=total_s >= 5))
    ax.grid(axis="y", color=GRID, lw=0.8)
    _shade_warm_up(ax, warm_s, total_s, top)
    _name_connections(ax, sides, ends, top)


def _draw_connections(ax: Axes, side: Side, total_s: float) -> float | None:
    """Draw all runs; return the level at which the strong one ends, None if nothing was sampled."""
    middle = sorted(side.summary.runs, key=lambda run: run.throughput_per_s)[(len(side.runs) - 1) // 2].run
    end = None
    for run, measured in zip(side.runs, side.measured, strict=True):
        t_us, counts = backends(run)
        t_s = (t_us - measured.load_start_us) / 1e6
        inside = (t_s >= 0) & (t_s <= total_s)
        if not inside.any():
            continue
        strong = run.manifest.run == middle
        ax.step(
            t_s[inside],
            counts[inside],
            where="post",
            color=side.look.colour,
            linestyle=side.look.line,
            lw=1.6 if strong else 0.8,
            alpha=1.0 if strong else 0.3,
        )
        late = counts[inside][-max(1, len(counts[inside]) // 4) :]
        end = float(np.median(late)) if strong or end is None else end
    return end


def _shade_warm_up(ax: Axes, warm_s: float, total_s: float, top: float) -> None:
    if warm_s <= 0:
        return
    ax.axvspan(0, warm_s, color=SHADE, zorder=0)
    fits = text_width_in("warm-up", SMALL) < warm_s / total_s * axes_width_in(ax)
    if fits:
        ax.text(warm_s / 2, top * 0.94, "warm-up", ha="center", va="center", fontsize=SMALL, color=SOFT)


def _name_connections(ax: Axes, sides: Sequence[Side], ends: Sequence[float | None], top: float) -> None:
    sides, ends = sides[::-1], ends[::-1]  # at one height, the first is above
    if all(end is None for end in ends):
        ax.text(0.5, 0.5, "nothing was sampled", ha="center", va="center", color=SOFT, transform=ax.transAxes)
    levels = [top / 2 if end is None else end for end in ends]
    texts = [_connection_text(side) for side in sides]
    height_in = float(ax.get_position().height * 7.4)
    sizes = [(0.17 * len(text.split("\n")) + 0.1) * top / height_in for text in texts]
    for side, text, at in zip(sides, texts, spread(levels, sizes, 0, top), strict=True):
        ax.annotate(
            text,
            (1, at / top),
            xycoords="axes fraction",
            xytext=(17, 0),
            textcoords="offset points",
            va="center",
            color=INK,
            fontsize=SMALL,
            annotation_clip=False,
        )
        ax.plot(
            [1.018], [at / top], side.look.marker, color=side.look.colour, ms=6, transform=ax.transAxes, clip_on=False
        )


def _connection_text(side: Side) -> str:
    opened = side.summary.sessions_opened
    runs = f"\nin {len(side.runs)} runs" if len(side.runs) > 1 else ""
    told = "opened: not known" if opened is None else f"{opened:,} opened{runs}"
    return f"{wrapped(side.name, 16)}\n{told}"


def verdict(ax: Axes, effect: Effect, label: str, look: Look, guess: float | None) -> None:
    """Draw each pair's ratio, the interval, no difference, and the reader's guess."""
    ax.set_title(f"The verdict: {effect.verdict}")
    fits = text_width_in(label, BODY) < axes_width_in(ax) + 0.5
    ax.set_xlabel(label if fits else label.replace(", ", ",\n", 1))
    ax.set_yticks([])
    ax.set_ylim(0, 1.8)
    ax.spines["left"].set_visible(False)
    if effect.ratio is None:
        ax.set_xticks([])
        say(ax, "no effect could be computed")
        return
    values = [1.0, *(pair.ratio for pair in effect.pairs), *_known(guess)]
    bounds = _shown_bounds(effect, values)
    _ratio_axis(ax, [*values, *bounds])
    ax.axvline(1, color=GREY, lw=1)
    _on_line(ax, 1, 1.62, "no difference")
    if guess is not None and guess > 0:
        ax.axvline(guess, color=GREY, lw=1.2, ls="--")
        _on_line(ax, guess, 0.16, f"your guess {guess:g}")
    colour = SOFT if effect.verdict == "invalid" else look.colour
    ax.plot([pair.ratio for pair in effect.pairs], [1.12] * len(effect.pairs), "o", color=colour, ms=7, clip_on=False)
    right = ax.get_yaxis_transform()
    each = "each pair" if len(effect.pairs) > 1 else "the only pair"
    ax.text(0.66, 1.12, each, va="center", fontsize=SMALL, color=SOFT, transform=right)
    _draw_interval(ax, effect, bounds, colour, right)


def _shown_bounds(effect: Effect, values: Sequence[float]) -> list[float]:
    """Return the interval as far as it is drawn: one of many powers of ten would hide the pairs."""
    if effect.low is None or effect.high is None:
        return []
    return [max(effect.low, min(values) / WIDEST), min(effect.high, max(values) * WIDEST)]


def _draw_interval(ax: Axes, effect: Effect, bounds: Sequence[float], colour: str, right: Any) -> None:
    if not bounds or effect.ratio is None:
        ax.text(0.66, 0.64, "one pair gives\nno interval", va="center", fontsize=SMALL, color=INK, transform=right)
        return
    ax.plot(bounds, [0.64] * 2, color=colour, lw=6, solid_capstyle="butt", alpha=0.35)
    ax.plot([effect.ratio], [0.64], "D", color=colour, ms=8)
    told = f"{format_ratio(effect.ratio)}, with\n95 % interval"
    ax.text(0.66, 0.64, told, va="center", fontsize=SMALL, color=INK, transform=right)


def _known(*values: float | None) -> list[float]:
    return [value for value in values if value is not None and value > 0]


def _ratio_axis(ax: Axes, values: Sequence[float]) -> None:
    """Set an axis on which all *values* and 1 lie in the left 62 per cent; the words have the rest."""
    low, high = min(1.0, *values), max(1.0, *values)
    if high / low > 6:
        ax.set_xscale("log")
        low, high = math.log10(low), math.log10(high)
        pad = 0.08 * (high - low)
        ax.set_xlim(10 ** (low - pad), 10 ** (low - pad + (high - low + 2 * pad) / 0.62))
        log_ticks(ax)
    else:
        span = max(high - low, 0.06)
        pad = 0.1 * span
        ax.set_xlim(low - pad, low - pad + (span + 2 * pad) / 0.62)
        ax.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 2.5, 5, 10]))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))


def _on_line(ax: Axes, x: float, y: float, text: str) -> None:
    ax.annotate(
        text,
        (x, y),
        xytext=(4, 0),
        textcoords="offset points",
        va="center",
        fontsize=SMALL,
        color=SOFT,
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.0},
    )
