"""Throughput against concurrency: the Universal Scalability Law, fitted to closed runs, with its interval.

    X(N) = rate * N / (1 + sigma * (N - 1) + kappa * N * (N - 1))

*rate* is what one client gets by itself, *sigma* the share of work that must wait for its turn (contention), *kappa*
the cost of agreeing with each other (coherency). With kappa above 0 there is a concurrency beyond which more clients
get less done; it is told only if the sweep went past it, since from the climb alone it can be anything.

The fit is by least squares of the logarithms, the interval by drawing whole runs again, never single requests.

Source: N. Gunther, "Guerrilla Capacity Planning"; the R package usl for test vectors.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import least_squares

from lab.errors import UsageError

_DRAWS = 300
_LEAST_POINTS = 4  # different concurrencies: three unknowns, and one to be wrong with
_TAIL_PCT = 2.5


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


def fit(measured: Mapping[int, Sequence[float]], seed: int = 1) -> Fit:
    """Fit the law to throughputs (per second), several runs for each concurrency.

    :raises UsageError: if fewer than four different concurrencies were measured, or one throughput is not above 0.
    """
    if len(measured) < _LEAST_POINTS:
        raise UsageError(f"{len(measured)} concurrencies are too few for the law; measure at least {_LEAST_POINTS}")
    if any(not value > 0 for values in measured.values() for value in values):
        raise UsageError("a throughput of 0 has no logarithm; leave that concurrency out")
    law, draw = _fitted(measured), np.random.default_rng(seed)
    drawn = [
        _fitted({users: draw.choice(values, len(values)).tolist() for users, values in measured.items()})
        for _ in range(_DRAWS)
    ]
    peaks = np.array([one.peak_users for one in drawn])
    low, high = (
        float(np.percentile(np.where(np.isfinite(peaks), peaks, 1e9), share)) for share in (_TAIL_PCT, 100 - _TAIL_PCT)
    )
    passed = max(law.peak_users, high) <= max(measured)
    band = {users: _middle95([one.throughput(users) for one in drawn]) for users in measured}
    return Fit(law, law.peak_users if passed else None, low if passed else None, high if passed else None, band)


def _middle95(values: Sequence[float]) -> tuple[float, float]:
    low, high = np.percentile(values, (_TAIL_PCT, 100 - _TAIL_PCT))
    return float(low), float(high)


def _fitted(measured: Mapping[int, Sequence[float]]) -> Law:
    users = np.array([count for count, values in measured.items() for _ in values], dtype=float)
    logs = np.log(np.array([value for values in measured.values() for value in values], dtype=float))

    def residuals(guess: np.ndarray) -> np.ndarray:
        rate_log, sigma, kappa = guess
        fitted: np.ndarray = rate_log + np.log(users) - np.log1p(sigma * (users - 1) + kappa * users * (users - 1))
        off: np.ndarray = fitted - logs
        return off

    start = (float((logs - np.log(users)).max()), 0.05, 1e-4)
    found = least_squares(residuals, start, bounds=((-np.inf, 0, 0), (np.inf, 1, 1)), x_scale=(1, 0.1, 1e-3))
    return Law(math.exp(found.x[0]), float(found.x[1]), float(found.x[2]))
