"""Two variants: the effect of the second against the first, its interval, and the verdict.

The unit is the pair: two runs made one after the other, in random order, so that the machine's drift falls on both. The
effect is the geometric mean over pairs of second / first; its 95 % interval is Student's, on the logarithms of those
ratios. A closed load is compared by throughput, an open one by its median latency, since it fixes the throughput.

A verdict other than *no evidence* needs an effect of at least two per cent, and a 97 % interval that leaves out 1. The
interval that is printed is the 95 % one; a verdict asks for more, because of a hundred comparisons of a thing with
itself five would be discoveries otherwise. With 8 pairs an effect of 5 % is then found in 97 of 100 if the runs of one
variant differ by 2 % (standard deviation), and in nearly all if they differ by less. Drawing an interval from single
requests instead would cover the truth in one case of six: they are not independent.

Numbers of any origin are compared by :func:`compare_values`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from lab.analyse import gates
from lab.analyse.summary import RunSummary, VariantSummary, summarise
from lab.errors import RecordError, UsageError
from lab.record.run import Run
from lab.units import format_ratio

CONFIDENCE = 0.95  # of the interval that is told
SURE = 0.97  # of the one that a verdict needs
LEAST_EFFECT = 0.02
METRICS = {"closed": "throughput_per_s", "open": "latency_ms.p50"}
VERDICTS = ("faster", "slower", "no evidence", "invalid")


@dataclass(frozen=True, slots=True)
class Interval:
    """A ratio and the bounds between which it lies with 95 % confidence; no bounds from a single pair.

    *sure* are those of 97 %, which a verdict needs; by default the same.
    """

    ratio: float
    low: float | None
    high: float | None
    sure: tuple[float, float] | None = None

    @property
    def excludes_one(self) -> bool:
        """Whether the 95 % interval leaves out 1."""
        return self.low is not None and self.high is not None and not self.low <= 1 <= self.high


@dataclass(frozen=True, slots=True)
class PairRatio:
    """One pair's second / first."""

    pair: int
    ratio: float


@dataclass(frozen=True, slots=True)
class Effect:
    """What the second variant does against the first: in the metric, and in a word."""

    metric: str
    ratio: float | None
    low: float | None
    high: float | None
    verdict: str  # one of VERDICTS; of the second against the first
    reasons: tuple[str, ...]  # why it is invalid, or why there is no evidence
    pairs: tuple[PairRatio, ...]

    @property
    def higher_is_faster(self) -> bool:
        """Whether a ratio above 1 is to the second's credit."""
        return self.metric == "throughput_per_s"


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two variants and the effect; CPU and lag are the worst of all runs."""

    first: VariantSummary
    second: VariantSummary
    effect: Effect
    notes: tuple[str, ...]
    observer_cpu_pct: float | None
    generator_cpu_pct: float | None
    generator_lag_ms_p99: float | None

    @property
    def variants(self) -> tuple[VariantSummary, VariantSummary]:
        """Both, in the order in which they were named."""
        return (self.first, self.second)


def interval(ratios: Sequence[float]) -> Interval:
    """Return the geometric mean of *ratios* (positive, one for each pair) and its 95 % t-interval.

    >>> found = interval([2.0, 2.0, 2.0])
    >>> round(found.ratio, 6), found.excludes_one, interval([2.0]).low
    (2.0, True, None)
    """
    logs = np.log(np.asarray(ratios, dtype=float))
    mean = float(logs.mean())
    if len(logs) < 2:
        return Interval(math.exp(mean), None, None)
    return around(mean, float(logs.std(ddof=1)) / math.sqrt(len(logs)), len(logs) - 1)


def around(mean: float, error: float, freedom: float) -> Interval:
    """Return the interval about the logarithm of a ratio, from its standard error with so many degrees of freedom."""
    bounds = {}
    for confidence in (CONFIDENCE, SURE):
        half = float(stats.t.ppf((1 + confidence) / 2, freedom)) * error
        bounds[confidence] = (math.exp(mean - half), math.exp(mean + half))
    return Interval(math.exp(mean), *bounds[CONFIDENCE], sure=bounds[SURE])


def judge(found: Interval, higher_is_faster: bool) -> tuple[str, tuple[str, ...]]:
    """Return the verdict on *found*, and why there is no evidence where there is none."""
    if found.low is None or found.high is None:
        return "no evidence", ("one pair gives no interval",)
    if not found.excludes_one:
        return "no evidence", (f"the 95 % interval {format_ratio(found.low)} to {format_ratio(found.high)} includes 1",)
    if found.sure is not None and found.sure[0] <= 1 <= found.sure[1]:
        wide = " to ".join(format_ratio(bound) for bound in found.sure)
        return "no evidence", (f"a verdict needs 97 % confidence, and the interval of that, {wide}, includes 1",)
    if abs(math.log(found.ratio)) < math.log1p(LEAST_EFFECT):
        return "no evidence", (
            f"an effect of {abs(found.ratio - 1):.1%} is under {LEAST_EFFECT:.0%}".replace("%", " %"),
        )
    return ("faster" if (found.ratio > 1) == higher_is_faster else "slower"), ()


def compare_values(first: Sequence[float], second: Sequence[float], metric: str = "throughput_per_s") -> Effect:
    """Compare two variants by one value of each run; those with the same index are a pair, made one after the other.

    :param first: values above 0, of any unit.
    :param second: as many.
    :param metric: one of METRICS' values; it says whether more is faster.
    :raises UsageError: if there is none, they are not as many, or one is not a number above 0.

    >>> found = compare_values([100, 98, 103, 101, 99], [112, 111, 113, 109, 110])
    >>> found.verdict, round(found.ratio, 2), round(found.low, 2), round(found.high, 2)
    ('faster', 1.11, 1.08, 1.13)
    >>> compare_values([100, 98, 103, 101, 99], [101, 99, 100, 102, 98]).verdict
    'no evidence'
    """
    if metric not in METRICS.values():
        raise UsageError(f"metric {metric!r} is none of {', '.join(METRICS.values())}")
    if not first or len(first) != len(second):
        raise UsageError(f"{len(first)} values against {len(second)}; give one or more pairs")
    for value in (*first, *second):
        if not 0 < value < math.inf:
            raise UsageError(f"a value is {value:g}; a ratio needs numbers above 0")
    ratios = tuple(PairRatio(pair, b / a) for pair, (a, b) in enumerate(zip(first, second, strict=True), 1))
    found = interval([pair.ratio for pair in ratios])
    verdict, why = judge(found, metric == "throughput_per_s")
    return Effect(metric, found.ratio, found.low, found.high, verdict, why, ratios)


def compare_runs(runs: Sequence[Run], first: str, second: str) -> Comparison:
    """Compare the variants named *first* and *second* by their pairs of runs.

    :raises RecordError: if a variant has no run, or a run cannot be read.
    """
    one, other = (summarise(name, _of(runs, name)) for name in (first, second))
    model = str(one.runs[0].load.get("model", "closed"))
    metric = METRICS.get(model, METRICS["closed"])
    each = [*one.runs, *other.runs]
    return Comparison(
        first=one,
        second=other,
        effect=_effect(one, other, metric, gates.reasons(each)),
        notes=(*gates.notes(each), *_unpaired(one, other)),
        observer_cpu_pct=_worst([run.use.observer_cpu_pct for run in each]),
        generator_cpu_pct=_worst([run.use.generator_cpu_pct for run in each]),
        generator_lag_ms_p99=_worst([run.use.lag_ms_p99 for run in each]),
    )


def as_json(comparison: Comparison, experiment: str, folder: Path | str, model: str) -> dict[str, Any]:
    """Return the comparison as plain values; what could not be had is None, and nothing is nan or infinite."""
    effect = comparison.effect
    return {
        "experiment": experiment,
        "folder": str(folder),
        "model": model,
        "variants": {variant.name: variant.as_dict() for variant in comparison.variants},
        "effect": {
            "metric": effect.metric,
            "ratio": effect.ratio,
            "low": effect.low,
            "high": effect.high,
            "verdict": effect.verdict,
            "reasons": list(effect.reasons),
            "pairs": [{"pair": pair.pair, "ratio": pair.ratio} for pair in effect.pairs],
        },
        "observer": {"cpu_pct": comparison.observer_cpu_pct},
        "generator": {"lag_ms_p99": comparison.generator_lag_ms_p99, "cpu_pct": comparison.generator_cpu_pct},
        "notes": list(comparison.notes),
    }


def _of(runs: Sequence[Run], name: str) -> list[Run]:
    found = [run for run in runs if run.manifest.variant == name]
    if not found:
        known = ", ".join(sorted({run.manifest.variant for run in runs})) or "none"
        raise RecordError(f"no run of variant {name!r} among {len(runs)} runs (variants: {known}); name one of those")
    return sorted(found, key=lambda run: run.manifest.pair)


def _pairs(first: VariantSummary, second: VariantSummary) -> list[tuple[RunSummary, RunSummary]]:
    others = {run.pair: run for run in second.runs}
    return [(run, others[run.pair]) for run in first.runs if run.pair in others]


def _unpaired(first: VariantSummary, second: VariantSummary) -> list[str]:
    alone = sorted({run.pair for run in first.runs} ^ {run.pair for run in second.runs})
    return [f"pair {', '.join(map(str, alone))} has one run only: left out of the effect"] if alone else []


def _effect(first: VariantSummary, second: VariantSummary, metric: str, invalid: list[str]) -> Effect:
    pairs = _pairs(first, second)
    values = [(one.pair, one.metric(metric), other.metric(metric)) for one, other in pairs]
    ratios = tuple(PairRatio(pair, b / a) for pair, a, b in values if a is not None and b is not None)
    missing = _missing(pairs, metric) if pairs else ["no pair: the variants have no pair number in common"]
    found = interval([pair.ratio for pair in ratios]) if ratios and len(ratios) == len(pairs) else None
    verdict, why = judge(found, metric == "throughput_per_s") if found else ("invalid", ())
    if invalid or missing:
        verdict, why = "invalid", (*missing, *invalid)
    return Effect(
        metric=metric,
        ratio=found.ratio if found else None,
        low=found.low if found else None,
        high=found.high if found else None,
        verdict=verdict,
        reasons=why,
        pairs=ratios,
    )


def _missing(pairs: Sequence[tuple[RunSummary, RunSummary]], metric: str) -> list[str]:
    lacking = [run for pair in pairs for run in pair if run.metric(metric) is None]
    if not lacking:
        return []
    least = "1 success" if metric == "throughput_per_s" else "20 successes"
    names = ", ".join(sorted({run.variant for run in lacking}))
    fact = "no answers" if all(run.answered == 0 for run in lacking) else "too few answers"
    return [f"{fact}: {len(lacking)} runs of {names} have under {least} in the measured window"]


def _worst(values: Sequence[float | None]) -> float | None:
    return max((value for value in values if value is not None), default=None)
