"""A service-level objective: what a run must meet, and how far it was from that.

Failed and unfinished requests count as slower than any answer: a percentile of the answers alone would be that of a
selection, and be met the sooner the more requests fail.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from lab.analyse.measured import Measured
from lab.errors import UsageError

PERCENTILES = {"p50": 50, "p90": 90, "p95": 95, "p99": 99}
FAILED = "failed"
DEFAULT = "p99 < 50 ms, failed < 0.1 %"
_PART = re.compile(r"\s*(p50|p90|p95|p99|failed)\s*<=?\s*([0-9.]+)\s*(ms|s|%)?\s*")
_RULE_OF_THREE = 3
_BEYOND = 10  # values above a percentile, or it is a matter of chance


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition: a percentile's limit in ms, or the failed requests' in per cent."""

    what: str
    limit: float

    def __str__(self) -> str:
        """Return it as it is written."""
        return f"{self.what} < {self.limit:g} {'%' if self.what == FAILED else 'ms'}"


@dataclass(frozen=True, slots=True)
class Seen:
    """What one condition came to: *value* in its unit; infinite where too many failed."""

    condition: Condition
    value: float

    @property
    def excess(self) -> float:
        """The logarithm of value over limit; far below 0 where nothing failed."""
        if self.value <= 0:
            return -math.inf
        return math.log(self.value / self.condition.limit) if self.condition.limit > 0 else math.inf


@dataclass(frozen=True, slots=True)
class Objective:
    """All conditions; a run meets it if it meets each."""

    conditions: tuple[Condition, ...]

    def __str__(self) -> str:
        """Return it as it is written."""
        return ", ".join(map(str, self.conditions))

    @property
    def least_requests(self) -> int:
        """Return how many requests a run must have for its percentiles and shares to mean something.

        Ten beyond a percentile; and for a share that is to be under a limit, so many that none at all says it is, with
        95 % confidence (the rule of three).
        """
        needs = [
            _RULE_OF_THREE * 100 / max(one.limit, 0.1)
            if one.what == FAILED
            else 100 * _BEYOND / (100 - PERCENTILES[one.what])
            for one in self.conditions
        ]
        return math.ceil(max(needs))

    def seen(self, measured: Measured) -> tuple[Seen, ...]:
        """Return what each condition came to in a run; a percentile is None of fewer than ten beyond it."""
        total = measured.counted + measured.lost
        return tuple(Seen(one, _value(one, measured, total)) for one in self.conditions)


def parse(text: str) -> Objective:
    """Read an objective such as ``p99 < 50 ms, failed < 0.1 %``.

    :raises UsageError: with the part that cannot be read.

    >>> str(parse("p99<0.05s , failed < 0.1%"))
    'p99 < 50 ms, failed < 0.1 %'
    """
    conditions = []
    for part in text.split(","):
        match = _PART.fullmatch(part.lower())
        if match is None:
            allowed = ", ".join(PERCENTILES)
            raise UsageError(
                f"objective {part.strip()!r} cannot be read; it is one of {allowed} or {FAILED}, then <, a number and "
                f"ms, s or %, such as: {DEFAULT}"
            )
        conditions.append(_condition(*match.groups()))
    names = [one.what for one in conditions]
    if len(set(names)) < len(names):
        raise UsageError(f"objective {text!r} names one thing twice; give each a single limit")
    return Objective(tuple(conditions))


def from_table(table: Mapping[str, float]) -> Objective | None:
    """Return the objective of a question's table (``p95_ms``, ``failed_pct``); None for an empty one."""
    if not table:
        return None
    return Objective(tuple(Condition(name.rsplit("_", 1)[0], float(limit)) for name, limit in table.items()))


def _condition(what: str, number: str, unit: str | None) -> Condition:
    try:
        limit = float(number)
    except ValueError:
        raise UsageError(f"objective: {number!r} is no number; write it as: {DEFAULT}") from None
    if (what == FAILED) != (unit == "%") or unit is None:
        raise UsageError(f"objective: {what} wants {'%' if what == FAILED else 'ms or s'}; write it as: {DEFAULT}")
    limit *= 1000 if unit == "s" else 1
    if not math.isfinite(limit):
        raise UsageError(f"objective: {what} < {number[:12]}... is no limit; write it as: {DEFAULT}")
    if what != FAILED and limit <= 0:
        raise UsageError(f"objective: {what} < {limit:g} ms cannot be met; give more than 0 ms")
    if what == FAILED and not 0 <= limit <= 100:
        raise UsageError(f"objective: failed < {limit:g} % is no share; give 0 to 100")
    return Condition(what, limit)


def _value(condition: Condition, measured: Measured, total: int) -> float:
    if total == 0:
        return math.inf
    if condition.what == FAILED:
        return 100 * measured.lost / total
    rank = math.ceil(total * PERCENTILES[condition.what] / 100)
    if rank > measured.counted:
        return math.inf
    values = measured.latency_ms
    if measured.latency_counts is None:
        return float(np.partition(values, rank - 1)[rank - 1])
    order = np.argsort(values)
    below = np.cumsum(measured.latency_counts[order])
    return float(values[order][np.searchsorted(below, rank)])
