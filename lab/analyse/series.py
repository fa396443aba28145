"""The cells of a sweep as series: what is varied beside the load makes a series, the load its axis.

A series is of closed load, over users, or of open load, over arrivals per second. The two have no axis in common: the
same throughput means something else in each, and so does the same latency. Runs that prove nothing stay in the series,
with the reason, and apart from those that may be believed.

Source: Schroeder, Wierman, Harchol-Balter, "Open Versus Closed: A Cautionary Tale", NSDI 2006.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from lab.analyse import gates, little
from lab.analyse.little import Little
from lab.analyse.measured import measure
from lab.analyse.summary import RunSummary, summarise_run
from lab.record.run import Run, open_run
from lab.record.sweep import Sweep

AXES = {"users": "closed", "rate_per_s": "open"}
_GENERATOR = ("generator late", "generator saturated")
_UNSTEADY = "no steady state"


@dataclass(frozen=True, slots=True)
class One:
    """One run on an axis: its numbers, Little's law on it, and why it is not to be believed (empty if it is)."""

    summary: RunSummary
    little: Little
    reasons: tuple[str, ...]
    run: Run

    @property
    def late(self) -> bool:
        """Whether the generator did not make the load as planned."""
        return any(reason.startswith(_GENERATOR) for reason in self.reasons)


@dataclass(frozen=True, slots=True)
class Point:
    """All runs of one cell: at so many users, or arrivals per second."""

    at: float
    runs: tuple[One, ...]

    @property
    def believed(self) -> tuple[One, ...]:
        """The runs that are not left out."""
        return tuple(one for one in self.runs if not one.reasons)

    @property
    def rates_per_s(self) -> list[float]:
        """Throughput of each believed run that answered anything."""
        return [one.summary.throughput_per_s for one in self.believed if one.summary.throughput_per_s > 0]


@dataclass(frozen=True)
class Series:
    """The points of one combination, in the order of the axis."""

    label: str  # empty if there is only one series
    kind: str  # of the pool
    axis: str  # users or rate_per_s
    points: tuple[Point, ...]

    @cached_property
    def measured(self) -> Mapping[int, Sequence[float]]:
        """Throughputs (per second) of the believed runs by users; where none is to be believed it is left out."""
        return {round(point.at): point.rates_per_s for point in self.points if point.rates_per_s}

    @property
    def left_out(self) -> str:
        """Say how many runs are left out, and why; empty if none is."""
        runs = [one for point in self.points for one in point.runs]
        out = [one for one in runs if one.reasons]
        facts = dict.fromkeys(reason.partition(":")[0] for one in out for reason in one.reasons)
        return f"{len(out)} of {len(runs)} runs are left out: {', '.join(facts)}" if out else ""


def of_sweep(sweep: Sweep) -> tuple[Series, ...]:
    """Return the series of a sweep's complete runs; none if it varies neither users nor the rate.

    :raises RecordError: if a run cannot be read.
    """
    axes = [axis for axis in AXES if all(axis in cell["parameters"] for cell in sweep.cells)]
    if len(axes) != 1:
        return ()
    done, found = sweep.done(), dict[str, tuple[str, list[Point]]]()
    for cell in sweep.cells:
        parameters = dict(cell["parameters"])
        at = float(parameters.pop(axes[0]))
        runs = [open_run(folder) for folder in done[str(cell["id"])]]
        if runs:
            kind = str(runs[0].manifest.pool.get("kind", ""))
            found.setdefault(label(parameters), (kind, []))[1].append(point(at, runs))
    return tuple(
        Series(name, kind, axes[0], tuple(sorted(points, key=lambda one: one.at)))
        for name, (kind, points) in found.items()
    )


def label(parameters: Mapping[str, Any]) -> str:
    """Return what a combination is called.

    >>> label({"pool": "queue:size=4,overflow=0", "workers": 2})
    'queue:size=4,overflow=0, workers 2'
    """
    return ", ".join(str(value) if key == "pool" else f"{key} {value}" for key, value in parameters.items())


def point(at: float, runs: Sequence[Run]) -> Point:
    """Return the runs of one cell, each with the reasons for which it is left out."""
    measured = [measure(run) for run in runs]
    sums = [summarise_run(run, one) for run, one in zip(runs, measured, strict=True)]
    alone = [tuple(reason for reason in gates.reasons([one]) if not reason.startswith(_UNSTEADY)) for one in sums]
    kept = [one for one, reasons in zip(sums, alone, strict=True) if not reasons]
    together = tuple(gates.reasons(kept)) if kept else ()  # unlike runs, or none of them steady
    each = zip(runs, sums, measured, alone, strict=True)
    return Point(at, tuple(One(one, little.law(run, seen), why or together, run) for run, one, seen, why in each))
