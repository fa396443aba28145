"""What a sweep measured over its load: throughput against users, or latency against the arrival rate, never both.

Every repeat is a dot. A run that proves nothing is a hollow grey square, and no curve has it. Closed load: the law's
curve with its 95 % band, a ring at the knee, and a bar over the interval of the law's peak where the sweep passed it.
Open load: lines through the medians, the objective, and a grey band at rates for which the generator was late.
"""

import itertools
from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from lab.analyse.concurrency import Concurrency
from lab.analyse.rates import PERCENTILES, Rated
from lab.analyse.redraw import middle95
from lab.analyse.series import One, Series
from lab.chart.ends import name_ends
from lab.chart.labels import pool_name
from lab.chart.plain import EXTRA, WIDTH_IN, Words, framed, structure
from lab.chart.side import log_ticks
from lab.chart.style import BODY, GREY, GRID, LOOKS, Look, styled, text_width_in
from lab.units import format_number

_OTHERS = (  # each colour of no kind of pool: first with its own line and mark, then with other lines and new marks
    *EXTRA,
    *(
        Look(one.colour, EXTRA[(index + turn) % len(EXTRA)].line, mark)
        for turn, marks in enumerate(("vPX*", "<hpd", ">8Hx"), 1)
        for index, (one, mark) in enumerate(zip(EXTRA, marks, strict=True))
    ),
)
_BAND_POINTS = 80
_HEIGHT_IN, _BESIDE_IN = 4.8, 1.4  # at least; of it above and below the axes
_OUT: dict[str, Any] = {"marker": "s", "color": "#888888", "mfc": "none", "ms": 6, "mew": 1.2, "ls": "none"}
CLOSED_KEY = "ring: knee; bar: N* with its 95 % interval; band: 95 % of the law; hollow square: left out"
OPEN_KEY = "lines through medians; hollow square: left out"
USERS, PER_S = "users of a closed load", "answers per second"
RATE, LATENCY = "arrivals per second of an open load", "latency from the intended start, ms"


def closed(models: Sequence[Concurrency], subtitle: str, guesses: Mapping[str, float] | None = None) -> Figure:
    """Return throughput against users, a curve for each series; *guesses* are the reader's, on the axis of users."""
    every = [found.series for found in models]
    with styled():
        names = [_closed_name(found, name) for found, name in zip(models, names_of(every), strict=True)]
        figure, ax = _axes(Words(closed_title(models), f"{subtitle}; {CLOSED_KEY}", USERS, PER_S), names)
        looks = looks_of(every)
        ends = [_closed_series(ax, found, look) for found, look in zip(models, looks, strict=True)]
        _log_users(ax, sorted({round(point.at) for found in models for point in found.series.points}))
        ax.set_ylim(0, 1.05 * max(ax.get_ylim()[1], 1))
        ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
        _guesses(ax, guesses or {})
        name_ends(ax, list(zip(ends, names, looks, strict=True)))
    return figure


def open_load(series: Sequence[Rated], subtitle: str) -> Figure:
    """Return latency against the arrival rate: of one series three percentiles, of several the objective's."""
    percentiles = PERCENTILES if len(series) == 1 else (percentile_of(series[0]),)
    lines = [(found.series, percentile) for found in series for percentile in percentiles]
    looks = list(EXTRA) if len(series) == 1 else looks_of([found.series for found in series])
    drawn = [(one, p, look) for (one, p), look in zip(lines, looks, strict=False) if _medians(one, p)]
    several = len(series) > 1
    called = dict(zip((found.series.label for found in series), names_of([x.series for x in series]), strict=True))
    names = [wrapped_name(called[one.label]) if several else p for one, p, _ in drawn]
    words = Words(
        open_title(series), f"{subtitle}; {OPEN_KEY}", RATE, f"{percentiles[0]} of {LATENCY}" if several else LATENCY
    )
    with styled():
        figure, ax = _axes(words, names)
        ax.set_yscale("log")
        ends = [_open_series(ax, one, p, look) for one, p, look in drawn]
        _objective(ax, series[0], percentiles)
        _late(ax, series)
        log_ticks(ax, ax.yaxis)
        ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
        ax.set_xlim(0, 1.05 * max(point.at for found in series for point in found.series.points))
        name_ends(ax, [(end, name, look) for end, name, (_, _, look) in zip(ends, names, drawn, strict=True)])
    return figure


def looks_of(series: Sequence[Series]) -> list[Look]:
    """Return a look for each series: the two of its kind of pool first, then those that belong to none.

    Beside the two there are sixteen; whoever draws more series than that reads their names.
    """
    looks: list[Look] = []
    others = itertools.cycle(_OTHERS)
    for one in series:
        own = [look for look in LOOKS.get(one.kind, ()) if look not in looks]
        looks.append(own[0] if own else next(others))
    return looks


def percentile_of(found: Rated) -> str:
    """Return the percentile that several open series are compared by: the objective's, or p95."""
    asked = [one.what for one in found.objective.conditions] if found.objective else []
    return next((what for what in asked if what in PERCENTILES), "p95")


def describe(models: Sequence[Concurrency], series: Sequence[Rated]) -> str:
    """Return the constant line that CI compares: the axes and the series, and nothing measured."""
    if models:
        return structure(Words("", "", USERS, PER_S), [found.series.label for found in models])
    return structure(Words("", "", RATE, LATENCY), [found.series.label for found in series])


def _axes(words: Words, names: Sequence[str]) -> tuple[Figure, Axes]:
    widest = max((text_width_in(name, BODY) for name in names), default=0.0)
    figure, ax = framed(words, _height_in(names), left_in=0.95, right_in=min(widest + 0.65, WIDTH_IN / 2.5))
    ax.set_xlabel(words.x, fontsize=BODY)
    ax.set_ylabel(words.y, fontsize=BODY)
    ax.grid(color=GRID)
    ax.set_axisbelow(True)
    return figure, ax


def _height_in(names: Sequence[str]) -> float:
    """Return a height that has room for all names at the ends of their lines."""
    lines = sum(1.4 + name.count("\n") for name in names)
    return max(_HEIGHT_IN, _BESIDE_IN + lines * 1.25 * BODY / 72)


def _guesses(ax: Axes, guesses: Mapping[str, float]) -> None:
    low, high = ax.get_xlim()
    for name, where in guesses.items():
        left = where > (low * high) ** 0.5
        ax.axvline(where, color=GREY, lw=1.2, ls=(0, (4, 3)), zorder=0)
        ax.annotate(
            name, (where, 0.02), (-4 if left else 4, 0), xycoords=("data", "axes fraction"), fontsize=BODY, color=GREY,
            textcoords="offset points", ha="right" if left else "left",
        )  # fmt: skip


def _closed_name(found: Concurrency, name: str) -> str:
    peak = found.fit.peak_users if found.fit else None
    said = "no curve" if found.fit is None else _no_peak(found) if peak is None else f"N* {format_number(peak)}"
    knee = "knee not told" if found.knee.users is None else f"knee {found.knee.users}"
    return "\n".join([*([wrapped_name(name)] if name else []), said, knee])


def _no_peak(found: Concurrency) -> str:
    return "N* not told" if found.bends else "N* not reached"


def wrapped_name(label: str) -> str:
    """Return a series' name in lines of its parts."""
    return label.replace(", ", ",\n").replace(":", ":\n") if len(label) > 18 else label


def names_of(series: Sequence[Series]) -> list[str]:
    """Return what each series is called in a figure: its pool in words, if that tells them apart."""
    plain = []
    for one in series:
        pool = dict(one.points[0].runs[0].run.manifest.pool)
        plain.append(one.label.replace(str(pool.get("spec")), pool_name(pool)))
    return plain if len(set(plain)) == len(plain) else [one.label for one in series]


def closed_title(models: Sequence[Concurrency]) -> str:
    """Return the finding of closed series."""
    points = [(found.best, name) for found, name in zip(models, names_of([x.series for x in models]), strict=True)]
    known = [(point, name) for point, name in points if point is not None]
    if not known:
        return "No run is to be believed: the squares prove nothing"
    if len(models) == 1 and (fit := models[0].fit) is not None:
        if fit.peak_users is None:
            what = "all of the peak's interval" if models[0].bends else "the peak of the law"
            return f"Up to {max(fit.band):,} users the sweep did not pass {what}"
        return f"Throughput is highest at {models[0].peak}, by the law"
    point, name = max(known, key=lambda one: median(one[0].rates_per_s))
    most = format_number(median(point.rates_per_s))
    return f"Most answers: {name or 'measured'} at {point.at:g} users, {most} per second"


def open_title(series: Sequence[Rated]) -> str:
    """Return the finding of open series."""
    names = names_of([found.series for found in series])
    if not any(point.believed for found in series for point in found.series.points):
        return "No run is to be believed: the squares prove nothing"
    if series[0].objective is None:
        return "Latency against the arrival rate"
    upto = [f"{name} {_upto(found)}".strip() for found, name in zip(series, names, strict=True)]
    return f"Every believed run met {series[0].objective}: {'; '.join(upto)}"


def _upto(found: Rated) -> str:
    return "at no rate" if found.highest_met is None else f"up to {format_number(found.highest_met)} per second"


def _closed_series(ax: Axes, found: Concurrency, look: Look) -> tuple[float, float]:
    """Draw one series; returns where its line ends."""
    _dots(ax, found.series, look, lambda one: one.summary.throughput_per_s)
    measured = found.series.measured
    if found.fit is None:
        medians = [(users, median(values)) for users, values in measured.items()]
        if not medians:
            last = found.series.points[-1]
            return last.at, median(one.summary.throughput_per_s for one in last.runs)
        ax.plot(*zip(*medians, strict=True), color=look.colour, ls=look.line, lw=1)
        return medians[-1]
    users = np.geomspace(min(measured), max(measured), _BAND_POINTS)
    law = found.fit.law
    band = np.array([middle95([one.throughput(each) for one in found.fit.laws]) for each in users])
    ax.fill_between(users, band[:, 0], band[:, 1], color=look.colour, alpha=0.15, lw=0)
    ax.plot(users, [law.throughput(each) for each in users], color=look.colour, ls=look.line, lw=1.8)
    _marks(ax, found, look)
    return float(users[-1]), law.throughput(float(users[-1]))


def _marks(ax: Axes, found: Concurrency, look: Look) -> None:
    """Put a ring around the knee and a bar over the interval of the peak."""
    fit, knee = found.fit, found.knee
    if fit is not None and fit.peak_users is not None and fit.peak_low and fit.peak_high:
        height = fit.law.throughput(fit.peak_users)
        ax.plot([fit.peak_low, fit.peak_high], [height] * 2, color=look.colour, lw=4, alpha=0.6, solid_capstyle="butt")
        ax.plot([fit.peak_users], [height], "|", color=look.colour, ms=14, mew=2)
    if knee.users is not None:
        ring: dict[str, Any] = {"mfc": "none", "mec": look.colour, "mew": 1.8, "ms": 15}
        ax.plot([knee.users], [median(found.series.measured[knee.users])], "o", **ring)


def _open_series(ax: Axes, series: Series, percentile: str, look: Look) -> tuple[float, float]:
    _dots(ax, series, look, lambda one: one.summary.latency_ms.as_dict()[percentile])
    medians = _medians(series, percentile)
    ax.plot(*zip(*medians, strict=True), color=look.colour, ls=look.line, lw=1.6)
    return medians[-1]


def _medians(series: Series, percentile: str) -> list[tuple[float, float]]:
    """Return the line of a percentile: through the believed runs, or through all where not one is to be believed."""
    believed = any(point.believed for point in series.points)
    found = []
    for point in series.points:
        runs = point.believed if believed else point.runs
        values = [one.summary.latency_ms.as_dict()[percentile] for one in runs]
        known = [value for value in values if value is not None]
        if known:
            found.append((point.at, median(known)))
    return found


def _dots(ax: Axes, series: Series, look: Look, value: Callable[[One], float | None]) -> None:
    for point in series.points:
        for one in point.runs:
            seen = value(one)
            if seen is None:
                continue
            if one.reasons:
                ax.plot([point.at], [seen], **_OUT)
            else:
                ax.plot([point.at], [seen], look.marker, color=look.colour, alpha=0.6, ms=5.5)


def _objective(ax: Axes, found: Rated, percentiles: Sequence[str]) -> None:
    for one in found.objective.conditions if found.objective else ():
        if one.what in percentiles:
            ax.axhline(one.limit, color=GREY, lw=1.2)
            ax.set_ylim(top=max(ax.get_ylim()[1], 1.4 * one.limit))
            ax.annotate(
                f"objective {one}", (0, one.limit), (4, 3), xycoords=("axes fraction", "data"),
                textcoords="offset points", fontsize=BODY, color=GREY,
            )  # fmt: skip


def _late(ax: Axes, series: Sequence[Rated]) -> None:
    rates = sorted({rate for found in series for rate in found.late})
    step = 0.015 * max(point.at for found in series for point in found.series.points)
    for rate in rates:
        ax.axvspan(rate - step, rate + step, color="#e2e2e2", zorder=0)
    if rates:
        ax.annotate(
            "grey: the generator was late", (1, 1.01), xycoords="axes fraction", ha="right", fontsize=BODY, color=GREY
        )


def _log_users(ax: Axes, users: Sequence[int]) -> None:
    ax.set_xscale("log")
    ax.set_xticks(users, [f"{one:,}" for one in users])
    ax.minorticks_off()
    ax.set_xlim(users[0] / 1.25, users[-1] * 1.25)
