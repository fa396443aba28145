"""Runs of two sessions: yesterday's and today's, of two branches, of two servers. They were not interleaved.

Within a session the unit is the run. Between two sessions there is more: the machine was warmer, something else ran,
the disk was fuller. How much that is, an A/A calibration tells: sessions of the same variant, by :func:`floor`. Its
spread is added to the interval. Where it is not known, one of 5 % is assumed, and said: without any, every third day of
a machine whose days differ by 3 % would be a discovery.

A ratio is of geometric means, its interval Welch's on the logarithms, the degrees of freedom those of Satterthwaite,
and with a floor no more than its sessions have: few sessions know badly what days do, and the interval is then wide.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from lab.analyse import gates
from lab.analyse.comparison import METRICS, Interval, around, judge
from lab.analyse.summary import RunSummary
from lab.errors import UsageError

LEAST_SESSIONS = 3
UNLIKE = "unlike "


@dataclass(frozen=True, slots=True)
class Floor:
    """What a machine makes of the same thing: spreads of the logarithm, and how many sessions they stand on."""

    between: float  # standard deviation of sessions beyond that of their runs
    within: float  # standard deviation of runs of one session
    sessions: int

    @property
    def least_effect(self) -> float:
        """Return the smallest ratio that two single sessions of many runs could tell from 1, at 95 %."""
        return math.exp(float(stats.t.ppf(0.975, self.sessions - 1)) * self.between * math.sqrt(2))


ASSUMED = Floor(between=0.05, within=0.0, sessions=1000)  # where the machine's own is not known


@dataclass(frozen=True, slots=True)
class Between:
    """The second session against the first; *reasons* say why it is invalid, or why there is no evidence."""

    metric: str
    found: Interval | None
    verdict: str
    reasons: tuple[str, ...]
    notes: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        ratio = {name: getattr(self.found, name) if self.found else None for name in ("ratio", "low", "high")}
        return {
            "metric": self.metric,
            **ratio,
            "verdict": self.verdict,
            "reasons": list(self.reasons),
            "notes": list(self.notes),
        }


def floor(sessions: Sequence[Sequence[float]]) -> Floor | None:
    """Return the noise floor of sessions of the same variant (values above 0); None of fewer than three.

    >>> floor([[100.0, 101.0], [100.0, 99.0]]) is None
    True
    """
    logs = [np.log(values) for values in sessions if len(values) >= 2]
    if len(logs) < LEAST_SESSIONS:
        return None
    within = float(np.mean([one.var(ddof=1) for one in logs]))
    # of the means' spread a part is the runs' own
    share = within * float(np.mean([1 / len(one) for one in logs]))
    between = max(float(np.var([one.mean() for one in logs], ddof=1)) - share, 0.0)
    return Floor(math.sqrt(between), math.sqrt(within), len(logs))


def interval(first: Sequence[float], second: Sequence[float], noise: Floor | None = None) -> Interval:
    """Return second / first (values above 0, two or more each), with the floor's spread between sessions in it."""
    logs = [np.log(np.asarray(values, dtype=float)) for values in (first, second)]
    parts = [(float(one.var(ddof=1)) / len(one), len(one) - 1) for one in logs]
    if noise is not None:
        parts.append((2 * noise.between**2, noise.sessions - 1))
    total = sum(part for part, _ in parts)
    mean = float(logs[1].mean() - logs[0].mean())
    if total == 0:
        return Interval(math.exp(mean), math.exp(mean), math.exp(mean))
    freedom = total**2 / sum(part**2 / free for part, free in parts)
    if noise is not None:
        # what days do is the better part of it, and of few sessions it is known badly
        freedom = min(freedom, noise.sessions - 1)
    return around(mean, math.sqrt(total), freedom)


def compare(
    first: Sequence[RunSummary],
    second: Sequence[RunSummary],
    noise: Floor | None = None,
    unlike: bool = False,
    named: bool = False,
) -> Between:
    """Compare two sessions of runs of one variant each.

    :param noise: the machine's floor; ASSUMED where it is not known.
    :param unlike: compare also what differs in pool, load or environment; what differs is then a note. An open load is
        never compared with a closed one.
    :param named: the two pools are meant to differ; that is a note then.
    :raises UsageError: if a session has fewer than two runs, or both are of the same runs.
    """
    for runs, which in ((first, "first"), (second, "second")):
        if len(runs) < 2:
            raise UsageError(f"the {which} has {len(runs)} run; a comparison of sessions needs two or more of each")
    metric = METRICS.get(_model(first), METRICS["closed"])
    if _model(first) != _model(second):
        apart = f"unlike models: {_model(first)} against {_model(second)}; they have no measure in common"
        return Between(metric, None, "invalid", (apart,), ())
    pools, said = _pools(first, second), gates.reasons([*first, *second])
    differs = [*pools, *(reason for reason in said if reason.startswith(UNLIKE))]
    borne = differs if unlike else pools if named else []
    invalid = [reason for reason in (*pools, *said) if reason not in borne]
    values = [[run.metric(metric) for run in runs] for runs in (first, second)]
    known = [[value for value in each if value is not None] for each in values]
    if any(len(each) < 2 for each in known):
        return Between(metric, None, "invalid", ("too few answers in some runs", *invalid), ())
    found = interval(known[0], known[1], noise or ASSUMED)
    verdict, why = judge(found, metric == "throughput_per_s")
    notes = (*borne, *_floor_note(noise))
    if invalid:
        hint = ("what is unlike is compared only with --unlike",) if set(differs) - set(borne) else ()
        return Between(metric, found, "invalid", (*invalid, *hint), notes)
    return Between(metric, found, verdict, why, notes)


def _model(runs: Sequence[RunSummary]) -> str:
    return str(runs[0].load.get("model", "closed"))


def _pools(first: Sequence[RunSummary], second: Sequence[RunSummary]) -> list[str]:
    """Say in what the pools differ: cells of two sweeps may have one name and be two things."""
    pools = [run.pool_config for run in (*first, *second)]
    keys = sorted({key for pool in pools for key in pool})
    differ = [key for key in keys if any(pool.get(key) != pools[0].get(key) for pool in pools)]
    return [f"{UNLIKE}pools: the runs differ in {', '.join(differ)}"] if differ else []


def _floor_note(noise: Floor | None) -> tuple[str, ...]:
    if noise is None:
        spread = f"{100 * ASSUMED.between:g} %"
        return (
            f"how much this machine differs from session to session is not known, {spread} is assumed: "
            "make it known by `lab noise`",
        )
    least = 100 * (noise.least_effect - 1)
    return (f"noise floor of {noise.sessions} sessions: below {least:.1f} % two sessions cannot be told apart",)


def sessions_of(calibrations: Sequence[Mapping[str, Any]], machine: str, metric: str) -> list[list[float]]:
    """Return the values of those calibrations that were made on *machine* and hold *metric*.

    One whose runs a gate refused is left out: what it differs by is not the noise of the thing.
    """
    return [
        [float(value) for value in one["values"]]
        for one in calibrations
        if one.get("machine_hash") == machine and one.get("metric") == metric and not one.get("reasons")
    ]
