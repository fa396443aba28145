"""The highest rate that meets an objective: which rate to try next, and what the runs so far say.

A run at a rate gives one number: how far it was from its limit, as the logarithm of (measured / allowed); of several
conditions the worst one. :func:`find` makes the whole search on anything that gives such numbers:

>>> limit_ms, idle_ms, breaks_down_at_per_s = 20.0, 2.0, 1000.0
>>> def excess(rate_per_s):
...     free = max(1 - rate_per_s / breaks_down_at_per_s, 0.001)
...     return math.log(idle_ms / free / limit_ms)
>>> found = find(excess, start_per_s=300)
>>> 0.95 * 900 < found.rate_per_s < 1.05 * 900, found.low < 900 < found.high
(True, True)

First steps, until one rate met the objective and one missed it; then rates about the middle of what is likely
(:mod:`lab.analyse.posterior`). The answer is the middle; the interval is wider than the posterior's own 95 %, by as
much as makes it hold the truth in 95 of 100 searches whatever the system was (docs/decisions.md has the figures).
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lab.analyse.posterior import NEAR, quantiles
from lab.errors import UsageError

MOST_RUNS = 12
_TAIL = 0.005  # of the posterior on either side of the interval: 99 %, so that it holds 95 % on systems unknown to it
_FINE = 0.03  # half the interval's width, of the rate, at which more runs are not worth their time
_LEAST = 8  # runs before it may end
_SIGMA = (0.16, 0.5, 0.84)
_BESIDE = (0.0, 0.6, -0.6)  # of the spread, in turns: a curve is known best from both of its sides
_WIDEST = 0.25
_FLAT = 0.1  # a latency that changed by less than this share of itself, in spite of another rate, is an idle one
_REFUSALS = 4
_NARROW = 1.1  # between the highest rate that met it and one that could not be sent: no room for another run


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


def find(
    measure: Callable[[float], float | None],
    start_per_s: float,
    most_per_s: float = math.inf,
    least_per_s: float = 0.0,
) -> Answer:
    """Search, in at most MOST_RUNS calls of *measure*.

    :param measure: makes one run at a rate per second and returns log(measured / allowed); above 0 it missed. None if
        the load could not be made: then only lower rates are tried.
    :param start_per_s: where to begin; a closed load's throughput is a good place.
    :param most_per_s: what the generator can send; nothing above is tried.
    :param least_per_s: below it nothing is tried.
    :raises UsageError: if the start is not above 0, or a reading is no number.
    """
    readings: list[Reading] = []
    refused: list[float] = []
    while len(readings) + len(refused) < MOST_RUNS and len(refused) < _REFUSALS:
        most = min(most_per_s, _below(readings, refused))
        rate = next_rate(readings, start_per_s, most)
        if rate is None or rate < least_per_s:
            break
        excess = measure(rate)
        if excess is None:
            refused.append(rate)
        else:
            readings.append(Reading(rate, excess))
    return answer(readings)


def _below(readings: Sequence[Reading], refused: Sequence[float]) -> float:
    """Return the highest rate worth trying below those that could not be sent: halfway to the highest that could."""
    if not refused:
        return math.inf
    sent = max((one.rate_per_s for one in readings), default=min(refused) / 4)
    return sent if min(refused) < _NARROW * sent else math.sqrt(sent * min(refused))


def next_rate(readings: Sequence[Reading], start_per_s: float, most_per_s: float = math.inf) -> float | None:
    """Return the rate to try next; None if the search has ended.

    :param start_per_s: where to begin; a closed load's throughput is a good place.
    :param most_per_s: what the generator can send; nothing above is tried.
    :raises UsageError: if the start is not above 0, or a reading is no number.

    >>> next_rate([Reading(100, -1.0)], start_per_s=100)
    200.0
    """
    if not 0 < start_per_s < math.inf:
        raise UsageError(f"the search starts at {start_per_s:g} requests per second; give a rate above 0")
    if not readings:
        return min(start_per_s, most_per_s)
    if len(readings) >= MOST_RUNS or (len(readings) >= _LEAST and answer(readings).fine):
        return None
    met, missed = _sides(readings)
    if not missed:
        return None if max(met) >= most_per_s else min(max(met) * _step(readings), most_per_s)
    if not met:
        return min(min(missed) / _step(readings), most_per_s)
    return min(_between(readings), most_per_s)


def answer(readings: Sequence[Reading]) -> Answer:
    """Return what the runs so far say.

    :raises UsageError: if a reading is no number.
    """
    met, missed = _sides(readings)
    if not met or not missed:
        return Answer(max(met, default=None), max(met, default=None), min(missed, default=None), False)
    low, middle, high = quantiles(_frozen(readings), (_TAIL, 0.5, 1 - _TAIL))
    return Answer(middle, low, high, math.log(high / low) / 2 <= _FINE)


def _step(readings: Sequence[Reading]) -> float:
    """Return by which factor to go on while all runs were on one side: by less if the last one was near its limit."""
    first, last = readings[0].excess, readings[-1].excess
    idle = len(readings) > 1 and abs(last - first) < _FLAT
    if abs(last) <= NEAR / 2 and not idle:
        return math.sqrt(2)
    return 2.0 if len(readings) < 3 else 4.0


def _between(readings: Sequence[Reading]) -> float:
    low, middle, high = (math.log(one) for one in quantiles(_frozen(readings), _SIGMA))
    return math.exp(middle + _BESIDE[len(readings) % 3] * min((high - low) / 2, _WIDEST))


def _sides(readings: Sequence[Reading]) -> tuple[list[float], list[float]]:
    for one in readings:
        if math.isnan(one.excess) or not 0 < one.rate_per_s < math.inf:
            raise UsageError(f"a run at {one.rate_per_s:g} per second gave {one.excess:g}; give numbers, rates above 0")
    return [one.rate_per_s for one in readings if one.met], [one.rate_per_s for one in readings if not one.met]


def _frozen(readings: Sequence[Reading]) -> tuple[tuple[float, float], ...]:
    return tuple((one.rate_per_s, one.excess) for one in readings)
