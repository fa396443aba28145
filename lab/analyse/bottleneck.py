"""What limits a run that missed its objective: the pool, the threads, a CPU, locks, or the generator itself.

Queues form before whatever is short, and everything before them waits too: a pool is exhausted when the database is
slow, and threads are when the pool is. So the causes are tried from the far end to the near: first who cannot work
faster, then who only waits. What cannot be told is called unknown: also where other programs took so much of the
machine that the lab's own parts may have been slow for want of it.
"""

from dataclasses import dataclass

import numpy as np

from lab.analyse import gates
from lab.analyse.measured import Measured
from lab.analyse.summary import RunSummary
from lab.analyse.system import machine_cores
from lab.record.run import Run

GENERATOR, LOCKS, DATABASE_CPU, APP_CPU, POOL, THREADS, UNKNOWN = (
    "generator", "locks", "database CPU", "app CPU", "pool", "threads", "unknown",
)  # fmt: skip
LIMITS = (GENERATOR, LOCKS, DATABASE_CPU, APP_CPU, POOL, THREADS, UNKNOWN)
_BUSY_PCT = 85.0  # of what there is; a processor that is asked at random is rarely busier over seconds
_OURS = 0.5  # of what is busy: or else it is other programs that take the machine
_IDLE = 0.25  # of what is busy: parts that ask for so little are not slow for want of a processor
_LOCKED = 0.5  # of the backends that have work
_FULL = 0.85  # of the pools' connections
_WAITED = 0.5  # of a request's latency, before it was sent
_ROOM = 0.8  # of the requests that the generator may have in flight; with fewer it did not wait for the app


@dataclass(frozen=True, slots=True)
class Limit:
    """What limits, and the figure that says so."""

    what: str
    evidence: str


def limit(run: Run, measured: Measured, summary: RunSummary) -> Limit:
    """Say what limited one run."""
    if said := [reason for reason in gates.reasons([summary]) if reason.startswith("generator")]:
        return Limit(GENERATOR, said[0])
    if unsent := _unsent(run, measured):
        return unsent
    locked = locked_share(run)
    if locked is not None and locked >= _LOCKED:
        return Limit(LOCKS, f"{locked:.0%} of the working backends waited for a lock".replace("%", " %"))
    if cpu := _cpu(measured, summary):
        return cpu
    queue = _queue(summary)
    if queue.what == UNKNOWN and (summary.use.machine_pct or 0.0) >= _BUSY_PCT:
        return _others(measured, summary)
    return queue


def _unsent(run: Run, measured: Measured) -> Limit | None:
    """Requests that wait to be sent while the generator has room for more in flight: it is it that cannot keep up."""
    load, counted = measured.manifest.load, measured.counted
    if load.get("model") != "open" or not counted:
        return None
    sums = measured.sums_ms or (float(measured.latency_ms.sum()), float(measured.service_ms.sum()))
    latency_ms, service_ms = (total / counted for total in sums)
    room, out = int(load.get("executors", 0)), in_flight(run, measured, service_ms)
    if latency_ms - service_ms < _WAITED * latency_ms or out >= _ROOM * room:
        return None
    return Limit(
        GENERATOR,
        f"requests waited {latency_ms - service_ms:,.0f} of {latency_ms:,.0f} ms before they were sent, "
        f"with {out:,.0f} of {room:,} in flight",
    )


def in_flight(run: Run, measured: Measured, service_ms: float) -> float:
    """Return how many requests were sent and not answered, on average over the window.

    A histogram knows no single one: there it is Little's law, of what was answered.
    """
    if run.manifest.detail == "histogram":
        return measured.throughput_per_s * service_ms / 1000
    rows = run.table("requests", ("sent_us", "done_us"))
    sent, done = (rows[name].to_numpy().astype(float) for name in ("sent_us", "done_us"))
    start, end = measured.start_us, measured.end_us
    was_sent = ~np.isnan(sent)
    until = np.minimum(np.nan_to_num(done[was_sent], nan=end), end)
    return float(np.maximum(until - np.maximum(sent[was_sent], start), 0).sum()) / (end - start)


def locked_share(run: Run) -> float | None:
    """Return which share of the app's backends in a statement waited for a lock, 0.0 to 1.0; None if none was seen."""
    rows = run.table("activity", ("application", "state", "wait_event_type", "backends"))
    column = {name: np.array(rows[name].to_pylist(), dtype=object) for name in rows.column_names}
    working = (column["application"] == run.manifest.application) & (column["state"] == "active")
    total = column["backends"][working].sum() if working.any() else 0
    return float(column["backends"][working & (column["wait_event_type"] == "Lock")].sum() / total) if total else None


def _cpu(measured: Measured, summary: RunSummary) -> Limit | None:
    """One process of the app computes on one core; the machine has so many for all."""
    use, cores = summary.use, machine_cores(measured)
    workers = int(summary.pool.workers if summary.pool else 1)
    app, server = use.app_cpu_pct or 0.0, use.server_cpu_pct or 0.0
    whole = f"the machine's {cores} cores were {use.machine_pct:.0f} % busy" if use.machine_pct is not None else ""
    ours = (app + server) / cores
    full = use.machine_pct is not None and use.machine_pct >= _BUSY_PCT
    if use.machine_pct is not None and full and ours >= _OURS * use.machine_pct:
        if server >= app:
            return Limit(DATABASE_CPU, f"{whole}, PostgreSQL took {server / 100:.1f} of them, the app {app / 100:.1f}")
        return Limit(APP_CPU, f"{whole}, the app took {app / 100:.1f} of them, PostgreSQL {server / 100:.1f}")
    if app / workers >= _BUSY_PCT:
        return Limit(APP_CPU, f"each of the app's {workers} processes used {app / workers:.0f} % of a core")
    if use.machine_pct is not None and full and ours >= _IDLE * use.machine_pct:
        return _others(measured, summary)
    return None


def _others(measured: Measured, summary: RunSummary) -> Limit:
    cores, busy = machine_cores(measured), summary.use.machine_pct or 0.0
    ours = ((summary.use.app_cpu_pct or 0.0) + (summary.use.server_cpu_pct or 0.0)) / cores
    return Limit(
        UNKNOWN,
        f"the machine's {cores} cores were {busy:.0f} % busy, {busy - ours:.0f} % with others than the app and "
        "PostgreSQL: search on a quiet machine",
    )


def _queue(summary: RunSummary) -> Limit:
    pool = summary.pool
    if pool is None:
        return Limit(UNKNOWN, "the app told nothing of its pool")
    threads = f"{pool.threads_mean:.1f} of {pool.threads_total} threads" if pool.threads_mean is not None else ""
    if pool.capacity and pool.held_mean >= _FULL * pool.capacity:
        return Limit(
            POOL, f"{pool.held_mean:.1f} of {pool.capacity} connections were out, {pool.pending_mean:.1f} waited"
        )
    if pool.threads_total and (pool.threads_mean or 0) >= _FULL * pool.threads_total:
        return Limit(THREADS, f"{threads} were taken, {pool.threads_waiting_peak} requests waited for one")
    if pool.timeouts:
        return Limit(POOL, f"{pool.timeouts} requests gave up waiting for a connection")
    return Limit(UNKNOWN, "nothing that the lab sees was short")
