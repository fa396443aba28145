"""Throughput against concurrency: the Universal Scalability Law, fitted to closed runs, with its interval.

    X(N) = rate * N / (1 + sigma * (N - 1) + kappa * N * (N - 1))

*rate* is what one client gets by itself, *sigma* the share of work that must wait for its turn (contention), *kappa*
the cost of agreeing with each other (coherency). With kappa above 0 there is a concurrency beyond which more clients
get less done; it is told only if the sweep went past it, since from the climb alone it can be anything.

The fit is by least squares of the logarithms, since a machine's noise is a share of its throughput. The interval is
drawn from whole runs, never single requests: each concurrency's runs are drawn again around their mean, and moved
together as far as the law and the means disagree more than their runs do among themselves.

Source: N. Gunther, "Guerrilla Capacity Planning"; the R package usl for test vectors.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import least_squares

from lab.analyse.redraw import DRAWS, log_mean, middle95, redrawn
from lab.errors import UsageError

LEAST_POINTS = 4  # different concurrencies: three unknowns, and one to be wrong with
_UNKNOWN = 3

Measured = Mapping[int, Sequence[float]]  # concurrency -> throughput of each run, per second


@dataclass(frozen=True, slots=True)
class Law:
    """The three coefficients."""

    rate_per_s: float
    sigma: float
    kappa: float

    def throughput(self, users: float) -> float:
        """Return the throughput at a concurrency, per second.

        >>> Law(100.0, 0.0, 0.0).throughput(8)
        800.0
        """
        return self.rate_per_s * users / (1 + self.sigma * (users - 1) + self.kappa * users * (users - 1))

    @property
    def peak_users(self) -> float:
        """Return the concurrency of the highest throughput; infinite without kappa.

        >>> round(Law(100.0, 0.02, 0.0005).peak_users, 1)
        44.3
        """
        return math.sqrt((1 - self.sigma) / self.kappa) if self.kappa > 0 and self.sigma < 1 else math.inf


@dataclass(frozen=True, slots=True)
class Fit:
    """The law, and how sure it is. All that is said of the peak is None where the sweep did not pass it."""

    law: Law
    peak_users: float | None
    peak_low: float | None
    peak_high: float | None
    band: Mapping[int, tuple[float, float]]  # concurrency -> 95 % interval of the fitted throughput, per second
    off_pct: float  # how far the law is from what was measured, per cent: the worst concurrency's mean
    laws: tuple[Law, ...]  # those that were drawn


def fit(measured: Measured, seed: int = 1) -> Fit:
    """Fit the law to throughputs (per second), one or more runs for each concurrency.

    :raises UsageError: if fewer than four different concurrencies were measured, or one throughput is not above 0.
    """
    law, draw = solve(measured), np.random.default_rng(seed)
    drawn = tuple(solve(again) for again in _drawn(measured, law, draw))
    peaks = np.array([min(one.peak_users, 1e9) for one in drawn])
    low, high = middle95(peaks)
    passed = max(law.peak_users, high) <= max(measured)
    band = {users: middle95([one.throughput(users) for one in drawn]) for users in measured}
    off = max(abs(math.expm1(log_mean(values) - math.log(law.throughput(n)))) for n, values in measured.items())
    peak, peak_low, peak_high = (value if passed else None for value in (law.peak_users, low, high))
    return Fit(law, peak, peak_low, peak_high, band, 100 * off, drawn)


def solve(measured: Measured, relative: bool = True) -> Law:
    """Return the law nearest to the runs.

    :param relative: weigh by shares (logarithms); False weighs by requests per second, as the R package usl does.
    :raises UsageError: as :func:`fit`.
    """
    if len(measured) < LEAST_POINTS:
        raise UsageError(f"{len(measured)} concurrencies are too few for the law; measure at least {LEAST_POINTS}")
    if any(not value > 0 for values in measured.values() for value in values):
        raise UsageError("a throughput of 0 has no logarithm; leave that concurrency out")
    users = np.array([count for count, values in measured.items() for _ in values], dtype=float)
    logs = np.log([value for values in measured.values() for value in values])

    def residuals(guess: np.ndarray) -> np.ndarray:
        rate_log, sigma, kappa = guess
        fitted: np.ndarray = rate_log + np.log(users) - np.log1p(sigma * (users - 1) + kappa * users * (users - 1))
        off: np.ndarray = fitted - logs if relative else np.exp(fitted - logs.max()) - np.exp(logs - logs.max())
        return off

    def slopes(guess: np.ndarray) -> np.ndarray:
        below = 1 + guess[1] * (users - 1) + guess[2] * users * (users - 1)
        return np.column_stack((np.ones_like(users), (1 - users) / below, users * (1 - users) / below))

    start = (float((logs - np.log(users)).max()), 0.05, 1e-4)
    found = least_squares(
        residuals, start, slopes if relative else "2-point", ((-np.inf, 0, 0), (np.inf, 1, 1)), x_scale=(1, 0.1, 1e-3)
    )
    return Law(math.exp(found.x[0]), float(found.x[1]), float(found.x[2]))


def _drawn(measured: Measured, law: Law, draw: np.random.Generator) -> Iterator[Measured]:
    """Yield what else might have been measured: runs drawn again, and concurrencies moved by the law's lack of fit."""
    spread, freedom = _lack_of_fit(measured, law)
    for _ in range(DRAWS):
        wide = spread * math.sqrt(freedom / draw.chisquare(freedom))  # a spread of so few is not sure itself
        yield {users: _again(values, law.throughput(users), wide, draw) for users, values in measured.items()}


def _again(values: Sequence[float], fitted: float, spread: float, draw: np.random.Generator) -> list[float]:
    moved = math.exp(draw.normal(0, spread)) if spread else 1.0
    return [one * moved for one in (redrawn(values, draw) if len(values) > 1 else [fitted])]


def _lack_of_fit(measured: Measured, law: Law) -> tuple[float, int]:
    """Return the spread (logarithm) of the concurrencies' means about the law, beyond that of their runs.

    The second value is the degrees of freedom on which it stands. Without second runs all of it is lack of fit.
    """
    counts = np.array([len(values) for values in measured.values()])
    off = np.array([log_mean(values) - math.log(law.throughput(users)) for users, values in measured.items()])
    freedom = len(measured) - _UNKNOWN
    between = float((counts * off**2).sum()) / freedom
    if counts.max() == 1:
        return math.sqrt(between), freedom
    within = sum(float(((np.log(values) - log_mean(values)) ** 2).sum()) for values in measured.values())
    within /= counts.sum() - len(counts)
    return math.sqrt(max(0.0, between - within) / counts.mean()), freedom
