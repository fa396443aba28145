"""A run in numbers, and a variant in numbers over its runs.

The run is the unit: throughput and percentiles are computed for each run, and a variant's value is the median over its
runs (a percentile is None if any run was too small for it). Counts are totals over all runs, warm-up included. The
split and the median time to connect are over all successful requests of all windows together, so that the parts sum
to one mean.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np

from lab.analyse.connections import logins, metered_connects, peak_backends, sessions_opened
from lab.analyse.measured import Counts, Measured, measure
from lab.analyse.percentiles import Percentiles, over_runs, percentile, percentiles
from lab.analyse.pool import PoolUse, pool_use
from lab.analyse.split import NOTHING, Split, split
from lab.analyse.system import Use, use
from lab.record.run import Run


@dataclass(frozen=True, slots=True)
class RunSummary:
    """One run. Throughput and percentiles belong to its measured window, counts to the whole run."""

    run: str
    variant: str
    pair: int
    window_s: float
    transient_s: float | None  # None: no steady state
    throughput_per_s: float
    latency_ms: Percentiles
    service_ms: Percentiles
    answered: int  # in the window
    lost: int  # failed or unfinished, of the window
    counts: Counts
    books: Mapping[str, int]  # the load processes' own account
    sessions_opened: int | None
    metered_connects: int | None
    logins: int | None
    peak_backends: int | None
    use: Use
    pool: PoolUse | None  # None: it was not sampled
    environment: Mapping[str, Any]
    environment_hash: str
    load: Mapping[str, Any]
    flags: tuple[str, ...]
    pool_config: Mapping[str, Any]

    @property
    def steady(self) -> bool:
        """Whether the run reached a steady state."""
        return self.transient_s is not None

    def metric(self, name: str) -> float | None:
        """Return what a comparison is made of: ``throughput_per_s`` or ``latency_ms.p50``; None if there is none."""
        value = self.throughput_per_s if name == "throughput_per_s" else self.latency_ms.p50
        return value if value is not None and value > 0 else None


@dataclass(frozen=True, slots=True)
class VariantSummary:
    """One side of a comparison over all its runs; None where a value could not be had."""

    name: str
    pool: Mapping[str, Any]
    throughput_per_s: float | None
    latency_ms: Percentiles
    service_ms: Percentiles
    planned: int
    done: int
    failed: int
    unfinished: int
    sessions_opened: int | None
    peak_backends: int | None
    split_ms: Split | None
    connect_ms_p50: float | None  # of the requests that opened a connection
    runs: tuple[RunSummary, ...]

    @property
    def sessions_per_request(self) -> float | None:
        """Sessions that the server opened for each planned request, over the whole load; None if unknown."""
        return self.sessions_opened / self.planned if self.sessions_opened is not None and self.planned else None

    @property
    def logins(self) -> int | None:
        """Connections that the app opened, to the server or to a pooler before it; None unless every worker told."""
        counts = [run.logins for run in self.runs]
        return None if None in counts else sum(count or 0 for count in counts)

    @property
    def logins_per_request(self) -> float | None:
        """:attr:`logins` for each planned request; None if unknown."""
        return self.logins / self.planned if self.logins is not None and self.planned else None

    @property
    def connect_per_sql(self) -> float | None:
        """Mean time connecting over mean time executing SQL; None if the app did not say."""
        if self.split_ms is None or self.split_ms.connect is None or not self.split_ms.sql:
            return None
        return self.split_ms.connect / self.split_ms.sql

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        return {
            "throughput_per_s": self.throughput_per_s,
            "latency_ms": self.latency_ms.as_dict(),
            "service_ms": self.service_ms.as_dict(),
            "planned": self.planned,
            "done": self.done,
            "failed": self.failed,
            "unfinished": self.unfinished,
            "sessions_opened": self.sessions_opened,
            "peak_backends": self.peak_backends,
            "split_ms": self.split_ms.as_dict() if self.split_ms else dict(NOTHING),
            "connect_ms": {"p50": self.connect_ms_p50},
            "runs": [_run_dict(run) for run in self.runs],
        }


def summarise_run(run: Run, measured: Measured) -> RunSummary:
    """Return one run in numbers."""
    manifest = run.manifest
    return RunSummary(
        run=manifest.run,
        variant=manifest.variant,
        pair=manifest.pair,
        window_s=measured.window_s,
        transient_s=measured.transient_s,
        throughput_per_s=measured.throughput_per_s,
        latency_ms=percentiles(measured.latency_ms, measured.latency_counts),
        service_ms=percentiles(measured.service_ms, measured.service_counts),
        answered=measured.answered,
        lost=measured.lost,
        counts=measured.counts,
        books=manifest.books,
        sessions_opened=sessions_opened(run),
        metered_connects=metered_connects(run),
        logins=logins(run),
        peak_backends=peak_backends(run),
        use=use(run, measured),
        pool=pool_use(run),
        environment=manifest.environment,
        environment_hash=manifest.environment_hash,
        load=manifest.load,
        flags=manifest.flags,
        pool_config=manifest.pool,
    )


def summarise(name: str, runs: Sequence[Run]) -> VariantSummary:
    """Return a variant in numbers over its *runs*, of which there is at least one."""
    measured = [measure(run) for run in runs]
    each = tuple(summarise_run(run, one) for run, one in zip(runs, measured, strict=True))
    rates = [run.throughput_per_s for run in each if run.answered]
    return VariantSummary(
        name=name,
        pool=runs[0].manifest.pool,
        throughput_per_s=median(rates) if len(rates) == len(each) else None,
        latency_ms=over_runs([run.latency_ms for run in each]),
        service_ms=over_runs([run.service_ms for run in each]),
        planned=sum(run.counts.planned for run in each),
        done=sum(run.counts.done for run in each),
        failed=sum(run.counts.failed for run in each),
        unfinished=sum(run.counts.unfinished for run in each),
        sessions_opened=_total(run.sessions_opened for run in each),
        peak_backends=max((run.peak_backends for run in each if run.peak_backends is not None), default=None),
        split_ms=split(measured),
        connect_ms_p50=_connect_ms_p50(measured),
        runs=each,
    )


def _total(values: Iterable[int | None]) -> int | None:
    total = 0
    for value in values:
        if value is None:
            return None
        total += value
    return total


def _connect_ms_p50(runs: Sequence[Measured]) -> float | None:
    opened = [run.parts_ms["connect"][run.parts_ms["connect"] > 0] for run in runs]
    return percentile(np.concatenate(opened), 50)


def _run_dict(run: RunSummary) -> dict[str, Any]:
    return {
        "run": run.run,
        "pair": run.pair,
        "window_s": run.window_s,
        "transient_s": run.transient_s,
        "throughput_per_s": run.throughput_per_s,
        "latency_ms": run.latency_ms.as_dict(),
        "sessions_opened": run.sessions_opened,
        "peak_backends": run.peak_backends,
        "pool": run.pool.as_dict() if run.pool else None,
    }
