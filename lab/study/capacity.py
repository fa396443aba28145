"""The highest rate of an open load that meets an objective, in few runs, and what limits it there.

Each run has fresh processes of the app. A closed load comes first: what it gets answered is where the search begins.
"""

import json
import math
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from lab import experiment, process
from lab import server as servers
from lab.analyse import bottleneck, gates, search
from lab.analyse.bottleneck import Limit
from lab.analyse.measured import Measured, measure
from lab.analyse.objective import Objective, Seen
from lab.analyse.search import Answer, Reading
from lab.analyse.summary import RunSummary, summarise_run
from lab.config import Config
from lab.errors import UsageError
from lab.plan import CAPACITY_S, LoadPlan, PoolConfig, Slot, Variant
from lab.record.files import write_atomically
from lab.record.places import CAPACITY
from lab.record.run import Run, open_run
from lab.server import Server
from lab.units import utc_now
from lab.watch import Watch

SHELF = "capacity"
_PROBE_USERS = 32  # more than any default pool and fewer than a worker's 40 threads: nobody is refused
_PROBE_SHARE = 0.8  # of what they get answered: a rate that is most likely met, so the first step goes up
_MOST_PER_S = 50_000.0
_LEAST_PER_S = 0.5  # slower than that no run has enough requests
_ENOUGH = 1.5  # times the requests that the objective's percentiles need


@dataclass(frozen=True, slots=True)
class Tried:
    """One rate that was tried, requests per second, and what came of it."""

    run: Path
    rate_per_s: float
    seen: tuple[Seen, ...]
    reading: Reading
    limit: Limit
    reasons: tuple[str, ...]  # why the run proves nothing; empty if it may be believed

    @property
    def generators(self) -> bool:
        """Whether it was the generator that missed the objective."""
        return self.limit.what == bottleneck.GENERATOR and not self.reading.met

    @property
    def doubts(self) -> tuple[str, ...]:
        """Why its reading may not be believed; what too high a rate brings by itself is no doubt that it was missed."""
        return tuple(one for one in self.reasons if self.reading.met or not gates.is_overload(one))


@dataclass(frozen=True, slots=True)
class Capacity:
    """The answer: the rate and its 95 % interval, requests per second; None where there is no answer but *limit*.

    It may be quoted if *reasons* is empty; *left_out* says which runs it does without.
    """

    objective: Objective
    answer: Answer
    limit: Limit
    tried: tuple[Tried, ...]
    pool: str
    folder: Path
    seconds: float = CAPACITY_S  # measured, as asked for; low rates take longer
    start_per_s: float | None = None  # as asked for; without, a closed load told it
    reasons: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        return {
            "objective": str(self.objective),
            "rate_per_s": self.answer.rate_per_s,
            "low": self.answer.low,
            "high": self.answer.high,
            "valid": not self.reasons,
            "reasons": list(self.reasons),
            "left_out": list(self.left_out),
            "limited_by": self.limit.what,
            "evidence": self.limit.evidence,
            "pool": self.pool,
            "seconds": self.seconds,
            "start_per_s": self.start_per_s,
            "runs": [_run_dict(one) for one in self.tried],
            "folder": str(self.folder),
        }


def _run_dict(one: Tried) -> Mapping[str, Any]:
    seen = {str(each.condition.what): each.value if math.isfinite(each.value) else None for each in one.seen}
    return {
        "run": one.run.name,
        "rate_per_s": one.rate_per_s,
        "met": one.reading.met,
        "believed": not one.doubts,
        "seen": seen,
        "limited_by": None if one.reading.met else asdict(one.limit),
        "reasons": list(one.reasons),
    }


def find(
    objective: Objective,
    pool: PoolConfig,
    load: LoadPlan,
    config: Config,
    watch: Watch,
    start_per_s: float | None = None,
) -> Capacity:
    """Search; *load* gives journey, warm-up and measured seconds of each run.

    :param start_per_s: where to begin, _LEAST_PER_S or more; by default a closed load tells it.
    :raises UsageError: if the start is no rate.
    :raises LabError: if a part dies, or the load cannot be made.
    """
    if start_per_s is not None and not _LEAST_PER_S <= start_per_s <= _MOST_PER_S:
        raise UsageError(f"start is {start_per_s:g} per second; give {_LEAST_PER_S:g} to {_MOST_PER_S:,.0f}")
    folder = config.home / SHELF / f"{utc_now():%Y%m%d-%H%M%S}-{pool.kind}-{secrets.token_hex(2)}"
    with process.exclusive(config.home / "lock", "capacity"), servers.running(config, watch.say) as where:
        folder.mkdir(parents=True)
        bench = _Bench(objective, pool, load, config, watch, where, folder)
        start = bench.probe() if start_per_s is None else start_per_s
        tried: list[Tried] = []

        def measured(rate_per_s: float) -> float | None:
            tried.append(bench.at(rate_per_s, len(tried) + 1))
            # a load that was not made as planned: what it missed is not the system's miss
            return None if tried[-1].generators else tried[-1].reading.excess

        search.find(measured, start, _MOST_PER_S, _LEAST_PER_S)
    found = replace(concluded(objective, tried, pool.spec, folder, load.measured_s), start_per_s=start_per_s)
    write_atomically(folder / CAPACITY, json.dumps(found.as_dict(), indent=1, allow_nan=False) + "\n")
    return found


def concluded(objective: Objective, tried: Sequence[Tried], pool: str, folder: Path, seconds: float) -> Capacity:
    """Say what the runs come to: those that may be believed alone, if they met the objective and missed it.

    Otherwise all of them that were made as planned, and then the answer says why it is not to be quoted.
    """
    sent = [one for one in tried if not one.generators]
    believed = [one for one in sent if not one.doubts]
    enough = {one.reading.met for one in believed} == {True, False}
    used = believed if enough else sent
    answer = search.answer([one.reading for one in used])
    if answer.low is None or answer.high is None:
        answer = replace(answer, rate_per_s=None)  # one side is not known: no answer
    doubtful = gates.facts([one.doubts for one in sent])
    reasons, left_out = ((), doubtful) if enough else (doubtful, ())
    limit = _limit([one for one in tried if one.generators or not enough or not one.doubts])
    return Capacity(objective, answer, limit, tuple(tried), pool, folder, seconds, reasons=reasons, left_out=left_out)


def _limit(tried: Sequence[Tried]) -> Limit:
    """Say what limits: just above the capacity the cause shows itself; far above everything is short."""
    missed = [one for one in tried if not one.reading.met and not one.generators]
    if missed:
        return min(missed, key=lambda one: one.rate_per_s).limit
    if refused := [one for one in tried if one.generators]:
        return min(refused, key=lambda one: one.rate_per_s).limit
    highest = max(one.rate_per_s for one in tried)
    if highest >= _MOST_PER_S:
        return Limit(bottleneck.GENERATOR, f"{highest:,.0f} per second is the most the lab sends")
    return Limit(bottleneck.UNKNOWN, f"all {len(tried)} runs met it; begin higher: --start {2 * highest:.0f}")


@dataclass(frozen=True, slots=True)
class _Bench:
    objective: Objective
    pool: PoolConfig
    load: LoadPlan
    config: Config
    watch: Watch
    where: Server
    folder: Path

    def probe(self) -> float:
        """Return what a closed load of some users gets answered, per second."""
        self.watch.say(f"a closed load of {_PROBE_USERS} users tells where to begin")
        plan = replace(self.load, model="closed", users=_PROBE_USERS, measured_s=min(self.load.measured_s, 3.0))
        _, _, summary = self._run(plan, 0)
        return max(summary.throughput_per_s * _PROBE_SHARE, 1.0)

    def at(self, rate_per_s: float, number: int) -> Tried:
        """Try one rate; a low one longer, so that its percentiles stand on enough requests."""
        wanted_s = _ENOUGH * self.objective.least_requests / rate_per_s
        seconds = min(max(self.load.measured_s, wanted_s), 10 * self.load.measured_s)
        self.watch.say(f"run {number}, at most {search.MOST_RUNS}: {rate_per_s:,.0f} requests per second")
        plan = replace(self.load, model="open", rate_per_s=round(rate_per_s, 3), measured_s=round(seconds, 1))
        run, measured, summary = self._run(plan, number)
        seen = self.objective.seen(measured)
        reading = Reading(rate_per_s, max(one.excess for one in seen))
        cause = bottleneck.limit(run, measured, summary)
        return Tried(run.folder, rate_per_s, seen, reading, cause, tuple(gates.reasons([summary])))

    def _run(self, plan: LoadPlan, number: int) -> tuple[Run, Measured, RunSummary]:
        # the closed load is no run of the variant that is searched
        name = self.pool.spec if number else f"probe of {self.pool.spec}"
        slot = Slot(Variant(name, self.pool), number, 0, number)
        alone = experiment.Question((slot.variant,), plan.checked(), pairs=1)
        experiment.one_run(alone, slot, self.folder, search.MOST_RUNS, self.where, self.config, self.watch)
        run = open_run(self.folder / slot.folder_name)
        measured = measure(run)
        return run, measured, summarise_run(run, measured)
