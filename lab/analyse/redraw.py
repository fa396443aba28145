"""What else might have been measured: the runs of one configuration, drawn again.

Whole runs are drawn, never single requests, which share their run's luck. Runs lie nearer to their own mean than to the
truth, so what is drawn is widened; without that, two or three runs would seem far surer than they are.

Source: B. Efron and R. Tibshirani, "An Introduction to the Bootstrap"; the factor is that of the unbiased variance.
"""

import math
from collections.abc import Sequence

import numpy as np

DRAWS = 300
TAIL_PCT = 2.5  # on each side of a 95 % interval


def redrawn(values: Sequence[float], draw: np.random.Generator) -> list[float]:
    """Return as many values above 0, drawn from *values* around their geometric mean; a single one is returned as is.

    >>> redrawn([7.0], np.random.default_rng(1)), redrawn([7.0, 7.0], np.random.default_rng(1))
    ([7.0], [7.0, 7.0])
    """
    count = len(values)
    if count == 1:
        return list(values)
    logs = np.log(values)
    off = logs[draw.integers(count, size=count)] - logs.mean()
    again: list[float] = np.exp(logs.mean() + math.sqrt(count / (count - 1)) * off).round(12).tolist()
    return again


def log_mean(values: Sequence[float]) -> float:
    """Return the mean of the logarithms."""
    return float(np.log(values).mean())


def middle95(values: Sequence[float] | np.ndarray, steps: bool = False) -> tuple[float, float]:
    """Return what 95 % of the drawn values lie between.

    :param steps: only values that were drawn, and nothing between two of them.

    >>> middle95([0.0, 40.0]), middle95([0.0, 40.0], steps=True)
    ((1.0, 39.0), (0.0, 40.0))
    """
    low, high = np.percentile(values, (TAIL_PCT, 100 - TAIL_PCT), method="inverted_cdf" if steps else "linear")
    return float(low), float(high)
