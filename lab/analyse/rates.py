"""What a series of open loads says: how latency grows with the arrival rate, and up to where the objective was met.

Each run is a value of its own. Where the load generator was late or saturated the load was not the planned one, and
the rate says nothing; where latency never settled, the rate is beyond what the system sustains.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from lab.analyse.measured import measure
from lab.analyse.objective import Objective, Seen
from lab.analyse.series import Point, Series
from lab.units import format_number

PERCENTILES = ("p50", "p95", "p99")


@dataclass(frozen=True, slots=True)
class Rated:
    """An open series beside its objective: in how many believed runs each rate met it."""

    series: Series
    objective: Objective | None
    met: tuple[int | None, ...]  # for each point; None without an objective, or without a run to be believed

    @property
    def late(self) -> tuple[float, ...]:
        """The rates at which the generator did not make the load as planned, in one run at least."""
        return tuple(point.at for point in self.series.points if any(one.late for one in point.runs))

    @property
    def highest_met(self) -> float | None:
        """The highest rate up to which every believed run of every rate met the objective; None without one.

        A rate without a run to be believed ends it.
        """
        highest = None
        for point, met in zip(self.series.points, self.met, strict=True):
            if met is None or met < len(point.believed):
                break
            highest = point.at
        return highest


def rated(series: Series, objective: Objective | None) -> Rated:
    """Hold an open series against an objective."""
    return Rated(series, objective, tuple(runs_met(point, objective) for point in series.points))


def runs_met(point: Point, objective: Objective | None) -> int | None:
    """Return how many of a cell's believed runs met the objective; None without one, or without a believed run."""
    if objective is None or not point.believed:
        return None
    return sum(_all_met(objective.seen(measure(one.run))) for one in point.believed)


def _all_met(seen: tuple[Seen, ...]) -> bool:
    return all(one.excess <= 0 for one in seen)


def sentences(found: Rated) -> Iterator[str]:
    """Yield what the series says, each in a sentence without a full stop."""
    if found.objective is not None:
        highest = found.highest_met
        upto = f"up to {format_number(highest)} per second" if highest is not None else "at no rate from the lowest on"
        yield f"every believed run met {found.objective} {upto}"
    if found.late:
        yield f"the load generator was late at {', '.join(map(format_number, found.late))} per second"
    if found.series.left_out:
        yield found.series.left_out


def as_dict(found: Rated) -> dict[str, Any]:
    """Return plain values, for JSON."""
    return {
        "series": found.series.label,
        "axis": found.series.axis,
        "objective": None if found.objective is None else str(found.objective),
        "highest_met_per_s": found.highest_met,
        "late_at_per_s": list(found.late),
        "said": list(sentences(found)),
    }
