"""Two runs compared statement by statement, by what they ask and not by the server's ids.

``queryid`` differs between major versions, roles and schemas that were made anew; the normalised text does not. All
rows of one text are added up: of several roles, top level and inside functions. A sum with an unknown part is unknown.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

from lab.analyse.statements import QUERY, StatementDelta, StatementDeltas
from lab.sql.normal import normalise

Number = TypeVar("Number", int, float)

_text = lru_cache(maxsize=10_000)(normalise)  # half a millisecond each, and two runs have the same ones

ORDERS = ("total", "calls", "mean", "spread", "blocks", "wal")


@dataclass(frozen=True, slots=True)
class Use:
    """What all statements of one normalised text did between two looks; None is unknown."""

    statement: str
    calls: int | None
    total_ms: float | None
    spread_ms: float | None  # the standard deviation of a call's time; None too where several rows were added up
    rows: int | None
    blocks: int | None
    wal_bytes: int | None
    seconds: float

    @property
    def mean_ms(self) -> float | None:
        """The mean time of a call."""
        return self.total_ms / self.calls if self.calls and self.total_ms is not None else None

    @property
    def calls_per_s(self) -> float | None:
        """Calls per second between the two looks."""
        return self.calls / self.seconds if self.calls is not None and self.seconds else None

    def by(self, order: str) -> float | None:
        """Return the figure to sort by, one of ORDERS."""
        return {
            "total": self.total_ms,
            "calls": self.calls,
            "mean": self.mean_ms,
            "spread": self.spread_ms,
            "blocks": self.blocks,
            "wal": self.wal_bytes,
        }[order]


@dataclass(frozen=True, slots=True)
class Both:
    """One statement in two runs; None: it did not run in that one."""

    statement: str
    first: Use | None
    second: Use | None

    def ratio(self, order: str = "mean") -> float | None:
        """Return second / first of a figure; None where one is missing, unknown or 0."""
        one, other = (use.by(order) if use else None for use in (self.first, self.second))
        return other / one if one and other is not None else None


def used(deltas: StatementDeltas, seconds: float, kind: str = QUERY) -> tuple[Use, ...]:
    """Add up the statements of one *kind* by their normalised text; the costliest first, the unknown last."""
    groups: dict[str, list[StatementDelta]] = {}
    for one in deltas.of_kind(kind):
        groups.setdefault(_text(one.query), []).append(one)
    return ordered((_use(text, group, seconds) for text, group in groups.items()), "total")


def ordered(uses: Iterable[Use], order: str) -> tuple[Use, ...]:
    """Sort by one of ORDERS, the highest first, the unknown last."""
    return tuple(sorted(uses, key=lambda use: (use.by(order) is None, -(use.by(order) or 0.0), use.statement)))


def side_by_side(first: Iterable[Use], second: Iterable[Use], order: str = "total") -> tuple[Both, ...]:
    """Lay two runs side by side; first what took most in either."""
    one, other = ({use.statement: use for use in uses} for uses in (first, second))
    found = [Both(text, one.get(text), other.get(text)) for text in {**one, **other}]
    return tuple(sorted(found, key=lambda both: (-_most(both, order), both.statement)))


def _most(both: Both, order: str) -> float:
    return max((use.by(order) or 0.0 for use in (both.first, both.second) if use), default=0.0)


def _use(text: str, group: list[StatementDelta], seconds: float) -> Use:
    return Use(
        statement=text,
        calls=_sum([one.calls for one in group]),
        total_ms=_sum([one.total_exec_ms for one in group]),
        spread_ms=group[0].stddev_exec_ms if len(group) == 1 else None,
        rows=_sum([one.rows for one in group]),
        blocks=_sum([one.blocks for one in group]),
        wal_bytes=_sum([one.wal_bytes for one in group]),
        seconds=seconds,
    )


def _sum(parts: list[Number | None]) -> Number | None:
    known = [part for part in parts if part is not None]
    return sum(known[1:], known[0]) if known and len(known) == len(parts) else None
