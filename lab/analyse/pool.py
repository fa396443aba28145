"""What the app's pools did in a run: held, waiting, by route; and whether the meter's books balance.

Means over the load are exact: the sums of a worker's meter, with what was under way added, are integrals over time of
the counts, so a mean is the difference of two samples over the time between them. Peaks are of the samples, about ten
a second, and so lower bounds.

**Little's law** ties two sources together. *Held*: what the meter summed up, checkout by checkout, against the integral
of the pool's own count. Both are kept at every checkout, so the number of samples does not matter. It cannot be said of
a pool that does not count (NullPool), nor with pre-ping, which a pool counts and the meter calls waiting. *Waiting*:
the sums against the sampled number of waiters, with the error that sampling brings.

Source: J. D. C. Little, "A Proof for the Queuing Formula L = λW", 1961; batch means as in every textbook of simulation.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from math import sqrt
from typing import Any

import numpy as np

from lab.analyse.measured import bounds_us
from lab.plan import PoolConfig
from lab.record.run import Manifest, Run

BALANCE_LIMIT = 0.05  # of the larger of the two sides
LEAST_CHECKOUTS = 100
LEAST_HOLD_MS = 0.2  # the pool counts some microseconds before and after the meter
LEAST_SAMPLES = 25
SURE = 0.9995  # on each side: a balanced run is not to be blamed for what sampling does
MOST_BATCHES = 30  # of samples that follow each other; of four samples at least
UNSEEN = 1.0  # checkouts, in each worker: see _waiting()

Columns = Mapping[str, np.ndarray[Any, Any]]
_SUMS = ("wait_s", "connect_s", "hold_s", "waiting_s", "connecting_s", "holding_s", "occupied_s")
_COUNTS = ("checkouts", "timeouts", "failed", "connects")


@dataclass(frozen=True, slots=True)
class Law:
    """One side of the check: the mean number of connections, or waiters, by the meter's sums and by counting."""

    what: str  # held or waiting
    by_sums: float
    by_count: float
    limit: float  # on their difference

    @property
    def balances(self) -> bool:
        """Whether the two agree."""
        return abs(self.by_sums - self.by_count) <= self.limit


@dataclass(frozen=True, slots=True)
class RouteUse:
    """What one route asked of the pools, over the load and until the last answer; None where nothing was divided."""

    route: str
    checkouts: int
    timeouts: int
    failed: int
    connects: int
    wait_ms: float | None  # mean of all that asked, also in vain
    connect_ms: float | None  # mean of those that opened a connection
    hold_ms: float | None  # mean of those that came back
    hold_longest_s: float  # since the worker began
    held_at_end: int  # not back after the load: leaked, or still at work


@dataclass(frozen=True, slots=True)
class PoolUse:
    """All workers together over the load; None where it is not known."""

    window_s: float
    workers: int
    samples: int  # of the worker that has fewest
    checkouts: int
    timeouts: int
    failed: int
    connects: int
    wait_ms: float | None
    connect_ms: float | None
    hold_ms: float | None
    held_mean: float
    held_peak: int
    held_longest_s: float  # of those that were out at some sample
    pending_mean: float  # waiting or connecting
    pending_peak: int
    capacity: int | None  # of all pools; None: nothing limits them
    threads_mean: float | None
    threads_peak: int | None
    threads_total: int | None
    threads_waiting_peak: int | None
    routes: tuple[RouteUse, ...]
    laws: tuple[Law, ...]  # those that could be judged

    @property
    def checkouts_per_s(self) -> float:
        """Connections handed out, per second."""
        return self.checkouts / self.window_s

    @property
    def utilisation_pct(self) -> float | None:
        """Of all that the pools can hand out, what was held on average, per cent."""
        return 100 * self.held_mean / self.capacity if self.capacity else None

    @property
    def balances(self) -> bool:
        """Whether all the books that could be judged balance."""
        return all(law.balances for law in self.laws)

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        laws = [asdict(law) | {"balances": law.balances} for law in self.laws]
        own = {"checkouts_per_s": self.checkouts_per_s, "utilisation_pct": self.utilisation_pct}
        return asdict(self) | own | {"laws": laws}


def pool_use(run: Run) -> PoolUse | None:
    """Return what the pools did over the load; None for a run without samples of them, such as one of before.

    :raises RecordError: if a table is damaged.
    """
    if not run.manifest.files.get("pool"):
        return None
    start_us, _, end_us = bounds_us(run.manifest)
    workers = [worker for worker in _workers(run, start_us, end_us) if len(worker["t_us"]) > 1]
    if not workers:
        return None
    window_s = max(_span_s(worker) for worker in workers)
    grown = {name: int(sum(worker[name][-1] - worker[name][0] for worker in workers)) for name in _COUNTS}
    sums = {name: sum(worker[name][-1] - worker[name][0] for worker in workers) for name in _SUMS}
    capacity = _pool(run.manifest).capacity
    return PoolUse(
        window_s=window_s,
        workers=len(workers),
        samples=min(len(worker["t_us"]) for worker in workers),
        **grown,
        **_means_ms(grown, sums),
        held_mean=_mean(workers, "hold_s", "holding_s"),
        held_peak=_peak(workers, "held_now"),
        held_longest_s=max(float(worker["held_longest_s"].max()) for worker in workers),
        pending_mean=_mean(workers, "wait_s", "waiting_s", "connect_s", "connecting_s"),
        pending_peak=_peak(workers, "pending"),
        capacity=None if capacity is None else capacity * int(run.manifest.pool.get("workers", 1)),
        **_threads(workers),
        routes=tuple(_routes(run, start_us)),
        laws=tuple(law for law in (_held(run, workers, grown, sums), _waiting(workers)) if law),
    )


def _workers(run: Run, start_us: int, end_us: int) -> list[Columns]:
    """Return the samples within the load, for each worker."""
    table = run.table("pool")
    columns = {name: table[name].to_numpy(zero_copy_only=False) for name in table.column_names}
    inside = (columns["t_us"] >= start_us) & (columns["t_us"] <= end_us)
    found: list[Columns] = []
    for pid in np.unique(columns["pid"][inside]):
        mine = np.flatnonzero(inside & (columns["pid"] == pid))
        mine = mine[np.argsort(columns["t_us"][mine], kind="stable")]
        found.append({name: values[mine] for name, values in columns.items()})
    return found


def _pool(manifest: Manifest) -> PoolConfig:
    known = {item.name for item in fields(PoolConfig)}
    return PoolConfig(**{name: value for name, value in manifest.pool.items() if name in known})


def _span_s(worker: Columns) -> float:
    return float(worker["t_us"][-1] - worker["t_us"][0]) / 1e6


def _mean(workers: Sequence[Columns], *sums: str) -> float:
    """Return the mean of a count over time, from the sums that are its integral; of all workers together."""
    return float(sum(sum(worker[name][-1] - worker[name][0] for name in sums) / _span_s(worker) for worker in workers))


def _means_ms(grown: Mapping[str, int], sums: Mapping[str, float]) -> dict[str, Any]:
    asked = grown["checkouts"] + grown["timeouts"] + grown["failed"]
    return {
        "wait_ms": 1000 * sums["wait_s"] / asked if asked else None,
        "connect_ms": 1000 * sums["connect_s"] / grown["connects"] if grown["connects"] else None,
        "hold_ms": 1000 * sums["hold_s"] / grown["checkouts"] if grown["checkouts"] else None,
    }


def together(workers: Sequence[Columns], column: str) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return (us monotonic, the sum over workers of what each said last) for every sample of any of them."""
    t_us = np.unique(np.concatenate([worker["t_us"] for worker in workers]))
    total = np.zeros(len(t_us))
    for worker in workers:
        last = np.searchsorted(worker["t_us"], t_us, side="right") - 1
        total += np.where(last >= 0, worker[column][np.maximum(last, 0)], 0)
    return t_us, total


def samples(run: Run) -> list[Columns]:
    """Return the samples of each worker over the load; none for a run without any."""
    if not run.manifest.files.get("pool"):
        return []
    start_us, _, end_us = bounds_us(run.manifest)
    return _workers(run, start_us, end_us)


def _peak(workers: Sequence[Columns], column: str) -> int:
    return int(together(workers, column)[1].max())


def _threads(workers: Sequence[Columns]) -> dict[str, Any]:
    if any(np.isnan(worker["threads_total"].astype(float)).any() for worker in workers):
        return dict.fromkeys(("threads_mean", "threads_peak", "threads_total", "threads_waiting_peak"))
    return {
        "threads_mean": sum(_sampled_mean(worker, "threads_borrowed") for worker in workers),
        "threads_peak": _peak(workers, "threads_borrowed"),
        "threads_total": int(sum(worker["threads_total"][-1] for worker in workers)),
        "threads_waiting_peak": _peak(workers, "threads_waiting"),
    }


def _sampled_mean(worker: Columns, column: str) -> float:
    """Return the mean over time of a count that was sampled at unlike distances."""
    t_s, values = worker["t_us"] / 1e6, worker[column].astype(float)
    return float(np.trapezoid(values, t_s) / (t_s[-1] - t_s[0]))


def _held(run: Run, workers: Sequence[Columns], grown: Mapping[str, int], sums: Mapping[str, float]) -> Law | None:
    """Check the sums of holding and connecting against the integral of the pool's own count."""
    occupied = sums["occupied_s"]
    if np.isnan(occupied) or run.manifest.pool.get("pre_ping") or grown["checkouts"] < LEAST_CHECKOUTS:
        return None
    if 1000 * max(sums["hold_s"], occupied) / grown["checkouts"] < LEAST_HOLD_MS:
        return None
    by_sums = _mean(workers, "hold_s", "holding_s", "connect_s", "connecting_s")
    by_count = _mean(workers, "occupied_s")
    return Law("held", by_sums, by_count, BALANCE_LIMIT * max(by_sums, by_count))


def _waiting(workers: Sequence[Columns]) -> Law | None:
    """Check the sums of waiting and connecting against the number of waiters as it was sampled.

    The sampler is a thread, and has its turn when another gives up the interpreter, which it does as it begins to wait
    for the server or for a connection. So each sample sees one thread at a moment that is not any moment: as much as
    one checkout, in each worker, is left unsaid.
    """
    if min(len(worker["t_us"]) for worker in workers) < LEAST_SAMPLES:
        return None
    by_sums = _mean(workers, "wait_s", "waiting_s", "connect_s", "connecting_s")
    by_count = sum(_sampled_mean(worker, "pending") for worker in workers)
    errors, batches = zip(*(_standard_error(worker["pending"].astype(float)) for worker in workers), strict=True)
    from scipy import stats  # takes a second to import, which every command would wait

    sampling = sqrt(sum(error**2 for error in errors)) * float(stats.t.ppf(SURE, min(batches) - 1))
    limit = BALANCE_LIMIT * max(by_sums, by_count) + sampling + UNSEEN * len(workers)
    return Law("waiting", by_sums, by_count, limit)


def _standard_error(values: np.ndarray[Any, Any]) -> tuple[float, int]:
    """Return the standard error of the mean of a sampled count, and the number of batches it stands on.

    Samples that follow each other are alike: their means in batches are less so.
    """
    batches = min(MOST_BATCHES, len(values) // 4)
    means = [part.mean() for part in np.array_split(values, batches)]
    return float(np.std(means, ddof=1)) / sqrt(batches), batches


def _routes(run: Run, start_us: int) -> list[RouteUse]:
    """Return each route's totals over the load, the busiest first."""
    before: dict[tuple[int, str], dict[str, Any]] = {}
    after: dict[tuple[int, str], dict[str, Any]] = {}
    for row in sorted(run.table("pool_routes").to_pylist(), key=lambda row: int(row["t_us"])):
        (before if row["t_us"] <= start_us else after)[row["pid"], row["route"]] = row
    found = []
    for route in {route for _, route in after}:
        mine = [(row, before.get(key, {})) for key, row in after.items() if key[1] == route]
        grown = {name: sum(row[name] - old.get(name, 0) for row, old in mine) for name in _COUNTS}
        sums = {name: sum(row[name] - old.get(name, 0.0) for row, old in mine) for name in _SUMS[:3]}
        longest_s, held = max(row["hold_longest_s"] for row, _ in mine), sum(row["held_now"] for row, _ in mine)
        found.append(RouteUse(route, **grown, **_means_ms(grown, sums), hold_longest_s=longest_s, held_at_end=held))
    return sorted(found, key=lambda route: (-route.checkouts, route.route))
