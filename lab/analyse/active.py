"""What the sessions of a server were at, on average over samples: by state and by what they waited for.

Source of the interval: batch means. A session that waits for seconds is in many samples, so samples in a row are not
independent, and an interval from them would be far too narrow.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import sqrt
from statistics import fmean, variance

from lab.record.triage import ACTIVE, Sample

# Student's t at 97.5 %, for 2 to 10 batches
_STUDENT = {2: 12.71, 3: 4.30, 4: 3.18, 5: 2.78, 6: 2.57, 7: 2.45, 8: 2.36, 9: 2.31, 10: 2.26}
_LEAST, _MOST = 4, 10  # samples in a batch; batches
ON_CPU = "CPU, or a wait that is not instrumented"


@dataclass(frozen=True, slots=True)
class Average:
    """How many sessions were in one state and wait, on average, with its 95 % interval; None with too few samples."""

    state: str
    wait: str
    sessions: float
    low: float | None
    high: float | None


def averages(samples: Sequence[Sample]) -> tuple[Average, ...]:
    """Return the average of each state and wait event that was seen, most sessions first."""
    keys = {key for sample in samples for key in sample.counts}
    found = [_average(samples, *key) for key in keys]
    return tuple(sorted(found, key=lambda one: (-one.sessions, one.state, one.wait)))


def active_sessions(samples: Sequence[Sample]) -> float:
    """Return the average number of active sessions (AAS): those that work or wait inside a query."""
    return fmean(sum(count for key, count in sample.counts.items() if key[0] in ACTIVE) for sample in samples)


def hidden_sessions(samples: Sequence[Sample]) -> float:
    """Return how many sessions on average the role could not see into: the averages leave them out."""
    return fmean(sample.hidden for sample in samples)


def interval(values: Sequence[float]) -> tuple[float, float] | None:
    """Return the 95 % interval of a mean by batch means; None for fewer than two batches of four.

    >>> interval([1, 2, 3])
    >>> [round(edge, 2) for edge in interval([1, 1, 1, 1, 3, 3, 3, 3, 2, 2, 2, 2])]
    [0, 4.48]
    """
    batches = min(len(values) // _LEAST, _MOST)
    if batches < 2:
        return None
    edges = [round(number * len(values) / batches) for number in range(batches + 1)]
    means = [fmean(values[low:high]) for low, high in pairwise(edges)]
    half = _STUDENT[batches] * sqrt(variance(means) / batches)
    return max(fmean(values) - half, 0), fmean(values) + half


def _average(samples: Sequence[Sample], state: str | None, kind: str | None, event: str | None) -> Average:
    values = [float(sample.counts.get((state, kind, event), 0)) for sample in samples]
    low, high = interval(values) or (None, None)
    wait = f"{kind}: {event}" if kind else ON_CPU if state in ACTIVE else ""
    return Average(state or "not shown", wait, fmean(values), low, high)
