"""The highest rate that meets an objective: which rate to try next, and what the runs so far say.

A run at a rate gives one number: how far it was from its limit, as the logarithm of (measured / allowed); of several
conditions the worst one. Near the limit that number grows with the logarithm of the rate along a line of unknown
height, slope and noise; far from it only its sign is used, since there no line holds (a queue grows without end, and
an idle system stays as fast as it was). All three unknowns are weighed over a grid, and the rate's share of the
outcome is the answer: its median, and the interval that holds 95 % of it. So noise that shows itself widens the
interval, and a repeated surprise moves it.

Source: Bayes' theorem on a grid; Fechner's method of constant stimuli is the same question asked of people.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy import stats

from lab.errors import UsageError

MOST_RUNS = 12
CONFIDENCE = 0.95
_TAIL = (1 - CONFIDENCE) / 2
_NEAR = 0.7  # of the logarithm: within a factor of two of the limit a line is good enough
_STEP = 2.0  # before the answer lies between two rates, the next one is at most so many times the last
_FINE = 0.03  # half the interval's width, of the rate, at which more runs are not worth their time
_LEAST = 8  # runs before it may end
_CELLS = 300
_QUIETEST = 0.02  # no machine repeats its capacity better than by so much of it


@dataclass(frozen=True, slots=True)
class Reading:
    """One run: its rate, and the logarithm of measured over allowed. Above 0 it missed; infinite if it cannot tell."""

    rate_per_s: float
    excess: float

    @property
    def met(self) -> bool:
        """Whether the objective was met."""
        return self.excess <= 0


@dataclass(frozen=True, slots=True)
class Answer:
    """The highest rate that meets the objective, requests per second, and the interval that holds it at 95 %.

    *low* is None if no rate met it, *high* None if every rate did: then there is no answer but that.
    """

    rate_per_s: float | None
    low: float | None
    high: float | None
    fine: bool  # whether the interval is so narrow that more runs are not worth their time


def next_rate(readings: Sequence[Reading], start_per_s: float, most_per_s: float = math.inf) -> float | None:
    """Return the rate to try next; None if the search has ended.

    :param start_per_s: where to begin; a closed load's throughput is a good place.
    :param most_per_s: what the generator can send; nothing above is tried.
    :raises UsageError: if the start is not above 0.
    """
    if not 0 < start_per_s < math.inf:
        raise UsageError(f"the search starts at {start_per_s:g} requests per second; give a rate above 0")
    if not readings:
        return min(start_per_s, most_per_s)
    if len(readings) >= MOST_RUNS or (len(readings) >= _LEAST and answer(readings).fine):
        return None
    met = [one.rate_per_s for one in readings if one.met]
    missed = [one.rate_per_s for one in readings if not one.met]
    if not missed:
        return None if max(met) >= most_per_s else min(_further(readings, max(met), up=True), most_per_s)
    if not met:
        return _further(readings, min(missed), up=False)
    return min(_between(readings), most_per_s)


def _further(readings: Sequence[Reading], edge: float, up: bool) -> float:
    """Double or halve; take a smaller step if the last reading was near its limit already."""
    near = min(abs(one.excess) for one in readings if one.rate_per_s == edge)
    factor = _STEP if near > _NEAR else math.sqrt(_STEP)
    return edge * factor if up else edge / factor


def _between(readings: Sequence[Reading]) -> float:
    """Return the middle of what is likely, or a little beside it: a line is known best from both of its ends."""
    rates, weights = _posterior(_frozen(readings))
    logs = np.log(rates)
    middle = float((logs * weights).sum())
    spread = math.sqrt(float((weights * (logs - middle) ** 2).sum()))
    side = (0.0, 1.0, -1.0)[len(readings) % 3]
    return math.exp(middle + side * spread)


def answer(readings: Sequence[Reading]) -> Answer:
    """Return what the runs so far say."""
    met = [one.rate_per_s for one in readings if one.met]
    missed = [one.rate_per_s for one in readings if not one.met]
    if not met or not missed:
        return Answer(max(met, default=None), max(met, default=None), min(missed, default=None), False)
    rates, weights = _posterior(_frozen(readings))
    below = np.cumsum(weights)
    low, middle, high = (float(np.interp(share, below, rates)) for share in (_TAIL, 0.5, 1 - _TAIL))
    return Answer(middle, low, high, math.log(high / low) / 2 <= _FINE)


def _frozen(readings: Sequence[Reading]) -> tuple[tuple[float, float], ...]:
    return tuple((one.rate_per_s, one.excess) for one in readings)


@cache
def _posterior(readings: tuple[tuple[float, float], ...]) -> tuple[np.ndarray, np.ndarray]:
    """Return rates, and the share of each: a grid over rate, slope and noise, summed over the last two."""
    tried = np.log([rate for rate, _ in readings])
    centres = np.linspace(tried.min() - 0.35, tried.max() + 0.35, _CELLS)
    slopes = np.geomspace(0.7, 60, 10)[:, None]
    noises = slopes * np.geomspace(_QUIETEST, 0.25, 10)[None, :]  # of the rate, seen through the slope
    log_share = np.zeros((len(centres), *noises.shape))
    for log_rate, (_, excess) in zip(tried, readings, strict=True):
        line = slopes[None, :, :] * (log_rate - centres)[:, None, None]
        if abs(excess) <= _NEAR:
            log_share += stats.norm.logpdf(excess, line, noises[None, :, :])
        else:
            edge = math.copysign(_NEAR, excess)
            # beyond the edge: only that it was beyond, with a small chance that something else went wrong
            tail = stats.norm.sf(math.copysign(1, excess) * (edge - line) / noises[None, :, :])
            log_share += np.log(0.005 + 0.99 * tail)
    share = np.exp(log_share - log_share.max()).sum(axis=(1, 2))
    return np.exp(centres), share / share.sum()
