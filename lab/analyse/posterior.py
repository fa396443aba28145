"""Where a capacity may be, given runs at some rates: the share of each rate, weighed over curves and noises.

A run gives the logarithm of measured over allowed. How that grows with the rate is not known, so a family of curves is
tried: with the logarithm u of rate / capacity, it is -log(1 - bend slope (exp(u) - 1)) / bend. A bend of 1 is the queue
of one server, whose idle latency is 1 / (1 + slope) of the limit; less is near a straight line, more is flat for long
and then sudden, as many servers are. A steep slope is a cliff.

Noise has two parts, of which both may be at work: the run's capacity differs from the last run's, which moves the curve
sideways, and the measured percentile differs from the true one, which moves it up and down. The distance of a run from
a curve is what both together have to explain. Both are of the heavy-tailed kind (Student's with four degrees of
freedom), so that one run that went wrong does not carry the answer with it.

Beyond a factor of about two from the limit only the side counts: a queue grows without end, and an idle system stays
as fast as it was.

Source: Bayes' theorem on a grid; Fechner's method of constant stimuli is the same question asked of people.
"""

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

NEAR = 0.8  # of the logarithm; beyond, only the side counts
_LAPSE = 0.005  # the chance that something else decided a run that was far from its limit
_UP_AND_DOWN = 1.5  # noise of the percentile, for each part of noise of the capacity
_MARGIN = 0.7  # of the logarithm: how far outside the bracket the capacity may be
_COARSE, _FINE = 40, 100  # cells of the rate: to see where the share is, and to weigh it
_WORTH = 1e-5  # of the highest cell's share; less is not looked at closely
_DEEP = 0.003  # of the capacity: where a curve never comes down to a reading, that reading lies so far to the left
_STEEPEST = 1e-4
_SLOPES, _BENDS = (
    grid.ravel() for grid in np.meshgrid(np.geomspace(0.3, 80, 11), np.array([0.3, 1.0, 4.0]), indexing="ij")
)
_NOISES = np.geomspace(0.008, 0.15, 9)  # no machine repeats its capacity better than by so much of it


@lru_cache(maxsize=1024)
def posterior(readings: tuple[tuple[float, float], ...]) -> tuple[np.ndarray, np.ndarray]:
    """Return logarithms of rates, ascending, and the share of each; the shares add up to 1.

    :param readings: of each run the rate per second and the logarithm of measured over allowed. At least one run met
        its limit (0 or less) and one missed it: without either there is no bracket to look in.
    """
    points = [(math.log(rate), excess) for rate, excess in readings]
    edges = (max(at for at, excess in points if excess <= 0), min(at for at, excess in points if excess > 0))
    coarse = np.linspace(min(edges) - _MARGIN, max(edges) + _MARGIN, _COARSE)
    worth = np.flatnonzero(_share(coarse, points) > _WORTH)
    step = coarse[1] - coarse[0]
    fine = np.linspace(coarse[worth[0]] - step, coarse[worth[-1]] + step, _FINE)
    share = _share(fine, points)
    return fine, share / share.sum()


def quantiles(readings: tuple[tuple[float, float], ...], shares: Sequence[float]) -> list[float]:
    """Return the rates below which the given *shares* (0.0 to 1.0) of the posterior lie, per second."""
    logs, share = posterior(readings)
    below = np.cumsum(share) - share / 2
    return [math.exp(float(np.interp(one, below, logs))) for one in shares]


def _share(centres: np.ndarray, points: Sequence[tuple[float, float]]) -> np.ndarray:
    """Add up over all curves and noises; single precision is enough, and twice as fast."""
    total = np.zeros((len(centres), len(_SLOPES), len(_NOISES)), dtype=np.float32)
    for at, excess in points:
        total += _log_likelihood(at - centres, excess)
    share = np.exp(total - total.max()).astype(float).sum(axis=(1, 2))
    highest: np.ndarray = share / share.max()
    return highest


def _log_likelihood(beside: np.ndarray, excess: float) -> np.ndarray:
    """Of one run whose rate is *beside* the centres, in logarithms: by centre, curve and noise."""
    edge = min(max(excess, -NEAR), NEAR)
    shrunk = np.exp(-_BENDS * edge)
    there = 1 + (1 - shrunk) / (_BENDS * _SLOPES)  # rate / capacity at which the curve has this value
    sideways = beside[:, None] - np.log(np.maximum(there, _DEEP))
    open_ = np.maximum(1 - _BENDS * _SLOPES * np.expm1(beside)[:, None], _STEEPEST)
    upwards = -np.log(open_) / _BENDS - edge
    apart = sideways * np.abs(upwards) / np.sqrt((_UP_AND_DOWN * sideways) ** 2 + upwards**2 + 1e-12)
    times = apart.astype(np.float32)[:, :, None] / _NOISES.astype(np.float32)
    if abs(excess) > NEAR:
        side = np.float32(math.copysign(1, excess))
        beyond: np.ndarray = np.log(np.float32(_LAPSE) + np.float32(1 - 2 * _LAPSE) * _student_below(side * times))
        return beyond
    local = np.maximum(_SLOPES * there / shrunk, 0)  # the curve's slope where it has this value
    width = np.log(_NOISES) + 0.5 * np.log(local**2 + _UP_AND_DOWN**2)[:, None]
    density: np.ndarray = np.float32(-2.5) * np.log1p(times * times / 4) - width.astype(np.float32)
    return density


def _student_below(value: np.ndarray) -> np.ndarray:
    """Return Student's distribution function with four degrees of freedom.

    >>> _student_below(np.array([0.0, 2.776445])).round(3).tolist()
    [0.5, 0.975]
    """
    root = 1 + value * value / 4
    below: np.ndarray = 0.5 + 0.375 * value / np.sqrt(root) * (1 - value * value / (12 * root))
    return below
