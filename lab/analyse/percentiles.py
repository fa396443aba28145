"""Percentiles that are a measured value, and only where at least ten values lie beyond them.

The p-th percentile is the smallest measured value that p percent of all values do not exceed (numpy's method
``inverted_cdf``). Nothing is interpolated or binned. The rank is computed in whole numbers, since 0.95 is none.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np
import numpy.typing as npt

from lab.analyse.warmup import Floats

Counts = npt.NDArray[Any] | None  # how often each value occurs; None: once
BEYOND = 10  # fewer values above a percentile make it a matter of chance


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Milliseconds; None where fewer than ten values lie beyond."""

    p50: float | None
    p95: float | None
    p99: float | None

    @property
    def highest(self) -> float | None:
        """The highest of the three that could be had."""
        return next((value for value in (self.p99, self.p95, self.p50) if value is not None), None)

    def as_dict(self) -> dict[str, float | None]:
        """Return plain values, for JSON."""
        return {"p50": self.p50, "p95": self.p95, "p99": self.p99}


def enough(count: int, p: int) -> bool:
    """Whether *count* values are enough for their *p*-th percentile.

    >>> enough(1000, 99), enough(999, 99), enough(20, 50)
    (True, False, True)
    """
    return count * (100 - p) >= BEYOND * 100


def percentile(values: Floats, p: int) -> float | None:
    """Return the *p*-th percentile (0 < p < 100) of *values*; None if there are too few."""
    if not enough(len(values), p):
        return None
    return float(np.partition(values, _index(len(values), p))[_index(len(values), p)])


def percentiles(values_ms: Floats, counts: Counts = None) -> Percentiles:
    """Return the three percentiles of *values_ms*, each where there are enough values."""
    total = len(values_ms) if counts is None else int(counts.sum())
    wanted = [p for p in (50, 95, 99) if enough(total, p)]
    found = _ranked(values_ms, counts, [_index(total, p) for p in wanted])
    by_p = dict(zip(wanted, found, strict=True))
    return Percentiles(by_p.get(50), by_p.get(95), by_p.get(99))


def _ranked(values: Floats, counts: Counts, ranks: list[int]) -> list[float]:
    """Return the values of these ranks, counted from 0."""
    if not ranks:
        return []
    if counts is None:
        return [float(value) for value in np.partition(values, ranks)[ranks]]
    order = np.argsort(values)
    upto = np.cumsum(counts[order])
    return [float(values[order][np.searchsorted(upto, rank, side="right")]) for rank in ranks]


def over_runs(runs: Sequence[Percentiles]) -> Percentiles:
    """Return the median over runs of each percentile; None where any run had too few values for it."""
    return Percentiles(
        p50=_median([run.p50 for run in runs]),
        p95=_median([run.p95 for run in runs]),
        p99=_median([run.p99 for run in runs]),
    )


def _index(count: int, p: int) -> int:
    return -(-count * p // 100) - 1


def _median(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if known and len(known) == len(values) else None
