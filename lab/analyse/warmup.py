"""Where the first transient of a run ends: MSER on batch means, kept to the part that is a transient.

MSER cuts where the standard error of what remains is smallest. By itself it also cuts away a stall in the middle of a
run, with everything before it, and calls one steady run in ten unsteady (simulated: 20 bins of white noise). Both are
cured by one rule: the cut goes no further than the first bin that lies within two standard deviations of the steady
level, or on its other side; from there on what happens is the system's behaviour, and counts.

Source: K. Preston White, "An effective truncation heuristic for bias reduction in simulation output", 1997.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

BIN_S = 0.25  # where it gives 20 to 240 bins
LEAST_BINS, MOST_BINS = 20, 240
LATEST_SHARE = 0.5  # a later cut leaves less steady time than transient: no steady state
BAND_SD = 2.0
_KEPT_BINS = 5  # the spread of fewer says nothing


def batch_means(t_s: Floats, values: npt.NDArray[Any], total_s: float) -> tuple[Floats, Floats]:
    """Return (start of the bin in seconds, mean of its values) for every bin of equal time that has a value."""
    bins = int(np.clip(round(total_s / BIN_S), LEAST_BINS, MOST_BINS))
    index = np.clip((t_s * (bins / total_s)).astype(np.int64), 0, bins - 1)
    counts = np.bincount(index, minlength=bins)
    sums = np.bincount(index, weights=values, minlength=bins)
    filled = counts > 0
    starts_s: Floats = np.flatnonzero(filled) * np.float64(total_s / bins)
    means: Floats = sums[filled] / counts[filled]
    return starts_s, means


def mser(means: Floats) -> int:
    """Return how many leading means to drop so that the standard error of the rest is smallest.

    >>> mser(np.array([9.0, 5.0, 1.0, 1.1, 1.0, 0.9, 1.0, 1.1]))
    2
    """
    if len(means) <= _KEPT_BINS:
        return 0
    centred = means[::-1] - means.mean()
    kept = np.arange(1, len(means) + 1)
    squares = np.cumsum(centred**2) - np.cumsum(centred) ** 2 / kept
    error = (np.maximum(squares, 0.0) / kept**2)[::-1]
    return int(np.argmin(error[: len(means) - _KEPT_BINS + 1]))


def transient_bins(means: Floats) -> int:
    """Return how many leading bins belong to the transient: MSER's cut, or the first bin at the steady level."""
    cut = mser(means)
    if cut == 0:
        return 0
    level, band = means[cut:].mean(), BAND_SD * means[cut:].std()
    passed = means <= level + band if means[0] > level else means >= level - band
    return min(cut, int(np.argmax(passed)))


def cut_s(t_s: Floats, values: npt.NDArray[Any], total_s: float) -> float | None:
    """Return the seconds to leave out at the start of a run; None if it has no steady state.

    *t_s* are seconds since the load began, of *total_s*; *values* are latencies in any unit.
    """
    if len(values) == 0:
        return None
    starts, means = batch_means(t_s, values, total_s)
    cut = float(starts[transient_bins(means)])
    return cut if cut <= LATEST_SHARE * total_s else None
