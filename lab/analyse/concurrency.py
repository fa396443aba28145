"""What a series of closed loads says of concurrency: the law, its peak, the knee, and Little's law on every run.

The knee is the least concurrency, of those that were measured, whose throughput is within 90 % of the highest: beyond
it more users wait longer and get hardly more done. It is told with its interval, from runs drawn again, and not where
throughput still grew at the end, or where the interval covers more than a factor of four.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np

from lab.analyse import usl
from lab.analyse.redraw import DRAWS, middle95, redrawn
from lab.analyse.series import One, Point, Series
from lab.analyse.usl import LEAST_POINTS, Fit
from lab.units import format_number

SHARE = 0.9
CLOSES_PCT = 5.0  # Little's law: more is lacking where the generator did not keep its users busy
MISFIT_PCT = 10.0  # the law's distance from a concurrency's mean, from which on its curve is not to be read alone
_WIDEST = 4.0


@dataclass(frozen=True, slots=True)
class Knee:
    """The knee and its 95 % interval, in users; None where it is not told, with the reason."""

    users: int | None
    low: int | None = None
    high: int | None = None
    why: str = ""

    def __str__(self) -> str:
        """Return it in words."""
        if self.users is None:
            return f"not told: {self.why}"
        return f"{self.users} users" + (f" (95 % {self.low} to {self.high})" if self.low != self.high else "")


@dataclass(frozen=True, slots=True)
class Concurrency:
    """The models of one closed series; *fit* is None where there is none, with the reason."""

    series: Series
    fit: Fit | None
    why: str
    knee: Knee

    @property
    def best(self) -> Point | None:
        """The point of the highest median throughput; None without a run to be believed."""
        points = [point for point in self.series.points if point.rates_per_s]
        return max(points, key=lambda point: median(point.rates_per_s), default=None)

    @property
    def peak(self) -> str:
        """Say where the law's throughput is highest."""
        if self.fit is None:
            return f"not told: {self.why}"
        if self.fit.peak_users is None and self.bends:
            return f"not told: its interval goes beyond {max(self.fit.band):,} users"
        if self.fit.peak_users is None:
            return f"not reached: the sweep ends at {max(self.fit.band):,} users"
        low, high = (format_number(value) for value in (self.fit.peak_low, self.fit.peak_high))
        return f"{format_number(self.fit.peak_users)} users (95 % {low} to {high})"

    @property
    def bends(self) -> bool:
        """Whether the law has its peak within the sweep, told or not."""
        return self.fit is not None and self.fit.law.peak_users <= max(self.fit.band)

    @property
    def little_pct(self) -> tuple[float, float] | None:
        """Lowest and highest distance of users by Little's law from users, over the believed runs; None without."""
        found = [one.little.users_pct for point in self.series.points for one in point.believed]
        known = [value for value in found if value is not None]
        return (min(known), max(known)) if known else None


def model(series: Series) -> Concurrency:
    """Return the models of a closed series."""
    fit, why = None, ""
    measured = series.measured
    if len(measured) < LEAST_POINTS:
        why = _few(measured)
    else:
        fit = usl.fit(measured)
    return Concurrency(series, fit, why, knee(measured))


def knee(measured: Mapping[int, Sequence[float]], seed: int = 1) -> Knee:
    """Return the knee of throughputs (per second), several runs for each concurrency.

    >>> runs = {1: [98, 100, 102], 4: [390, 400, 405], 16: [780, 800, 810], 64: [790, 800, 820]}
    >>> str(knee(runs))
    '16 users'
    """
    if len(measured) < LEAST_POINTS:
        return Knee(None, why=_few(measured))
    if any(len(values) < 2 for values in measured.values()):
        return Knee(None, why="a single run says nothing of its spread; give every cell two runs or more")
    draw = np.random.default_rng(seed)
    drawn = [_first(_medians(measured, draw)) for _ in range(DRAWS)]
    found = _first({users: median(values) for users, values in measured.items()})
    low, high = (round(value) for value in middle95(drawn, steps=True))
    if max(found, high) == max(measured):
        return Knee(None, why=f"throughput may still grow beyond {max(measured)} users")
    if high > _WIDEST * low:
        return Knee(None, why=f"it may be anywhere from {low} to {high} users")
    return Knee(found, min(low, found), max(high, found))


def _few(measured: Mapping[int, Sequence[float]]) -> str:
    return f"{len(measured)} of at least {LEAST_POINTS} concurrencies have a run to be believed"


def _medians(measured: Mapping[int, Sequence[float]], draw: np.random.Generator) -> dict[int, float]:
    return {users: median(redrawn(values, draw)) for users, values in measured.items()}


def _first(rates: Mapping[int, float]) -> int:
    most = max(rates.values())
    return min(users for users, rate in rates.items() if rate >= SHARE * most)


def sentences(found: Concurrency) -> Iterator[str]:
    """Yield what the models say, in clauses."""
    best, fit = found.best, found.fit
    if best is not None:
        yield f"most answers {format_number(median(best.rates_per_s))} per second, at {best.at:g} users"
    yield f"N*, the peak of the law (USL), {found.peak}"
    if fit is not None and fit.off_pct > MISFIT_PCT:
        yield f"the law is off by {format_number(fit.off_pct)} % at one concurrency: read the dots, not the curve"
    yield f"knee, the least users with {100 * SHARE:.0f} % of the most, {found.knee}"
    if (off := found.little_pct) is not None:
        closes = max(map(abs, off)) <= CLOSES_PCT
        word = "closes" if closes else "does not close, the generator did not keep its users busy"
        yield f"Little's law {word}: throughput × (latency + think time) is {_span(off)} of the users"
    if found.series.left_out:
        yield found.series.left_out


def _span(off: tuple[float, float]) -> str:
    low, high = (f"{100 + value:.0f}" for value in off)
    return f"{low} %" if low == high else f"{low} to {high} %"


def typical(found: Concurrency) -> One | None:
    """Return a run to size by: the middle one at the knee, or at the highest throughput where no knee is told."""
    at = next((point for point in found.series.points if point.at == found.knee.users), found.best)
    runs = sorted(at.believed, key=lambda one: one.summary.throughput_per_s) if at else []
    return runs[len(runs) // 2] if runs else None


def as_dict(found: Concurrency) -> dict[str, Any]:
    """Return plain values, for JSON; what is not told is null."""
    fit, knee_, off = found.fit, found.knee, found.little_pct
    return {
        "series": found.series.label,
        "axis": found.series.axis,
        "usl": None
        if fit is None
        else {
            "rate_per_s": fit.law.rate_per_s,
            "sigma": fit.law.sigma,
            "kappa": fit.law.kappa,
            "peak_users": fit.peak_users,
            "peak_low": fit.peak_low,
            "peak_high": fit.peak_high,
            "off_pct": fit.off_pct,
        },
        "knee": {"users": knee_.users, "low": knee_.low, "high": knee_.high, "why": knee_.why},
        "little": None if off is None else {"lowest_pct": off[0], "highest_pct": off[1]},
        "said": list(sentences(found)),
    }
