"""One run's requests, as arrays: which of them count, and for what.

The window begins when the planned warm-up is over, or at the end of the first transient if that is later, and ends
with the load. Latency (from the intended start) and service time (from the send) are those of the requests that were
*intended* in the window and succeeded; throughput counts the successes *answered* in it. Failed and unfinished
requests are counted over the whole run, warm-up included, so that the books balance.

A run may hold a histogram instead of its requests. Its window then begins and ends with a slice of time, its values
are those of the buckets, and where the time went inside the app is not known.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lab.analyse.percentiles import Counts as Often
from lab.analyse.warmup import Floats, cut_s
from lab.errors import RecordError
from lab.plan import LoadPlan
from lab.record import histogram
from lab.record.run import Manifest, Run

PARTS = ("pool", "connect", "sql", "app")
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Counts:
    """What became of the planned requests; ``planned`` is the sum of the others."""

    planned: int
    done: int
    failed: int
    unfinished: int


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """A run's measured window. Arrays hold one value for each success intended in it; nan: not known."""

    manifest: Manifest
    load_start_us: int
    start_us: int  # of the window
    end_us: int
    transient_s: float | None  # None: the run has no steady state, and its window is the planned one
    latency_ms: Floats
    service_ms: Floats
    parts_ms: dict[str, Floats]  # pool, connect, sql, app
    answered: int  # successes answered within the window
    lost: int  # failed or unfinished, and intended within the window
    counts: Counts  # over the whole run, as the requests say
    latency_counts: Often = None  # how many requests each latency stands for; None: one
    service_counts: Often = None
    sums_ms: tuple[float, float] | None = None  # of a histogram: exact sums of latency and service

    @property
    def counted(self) -> int:
        """How many successes were intended in the window."""
        return len(self.latency_ms) if self.latency_counts is None else int(self.latency_counts.sum())

    @property
    def window_s(self) -> float:
        """Length of the measured window, seconds."""
        return (self.end_us - self.start_us) / 1e6

    @property
    def throughput_per_s(self) -> float:
        """Successes answered per second of the window."""
        return self.answered / self.window_s

    @property
    def steady(self) -> bool:
        """Whether the run reached a steady state in its first half."""
        return self.transient_s is not None


def bounds_us(manifest: Manifest) -> tuple[int, int, int]:
    """Return when the load began, when its warm-up ended as planned, and when the load ended (us, monotonic).

    :raises RecordError: if the manifest lacks the mark ``load_start`` or has no measured time.
    """
    if "load_start" not in manifest.marks:
        raise RecordError(f"run {manifest.run}: its manifest has no mark load_start; make the run again")
    start = manifest.marks["load_start"]
    warm = start + round(float(manifest.load.get("warmup_s", 0.0)) * 1e6)
    end = manifest.marks.get("load_end", warm + round(float(manifest.load.get("measured_s", 0.0)) * 1e6))
    if end <= warm:
        raise RecordError(f"run {manifest.run}: its load ends with its warm-up; give it more seconds")
    return start, warm, end


def measure(run: Run) -> Measured:
    """Read a run's requests and keep what was measured.

    :raises RecordError: if the requests cannot be read, or the manifest lacks its marks.
    """
    if run.manifest.detail == "histogram":
        return _measure_histogram(run)
    start, warm, end = bounds_us(run.manifest)
    intended, done = _column(run, "intended_us"), _column(run, "done_us")
    failed, unfinished = _column(run, "failed"), _column(run, "unfinished")
    success = ~failed & ~unfinished
    early = _picked(success & (intended >= start) & (intended < end))
    transient = cut_s((intended[early] - start) / 1e6, done[early] - intended[early], (end - start) / 1e6)
    begin = max(warm, start + round((transient or 0.0) * 1e6))
    inside = (intended >= begin) & (intended < end)
    kept = _picked(inside & success)
    latency_ms = (done[kept] - intended[kept]) / 1e3
    answered = int(np.count_nonzero(success & (done >= begin) & (done < end)))
    ended_us = done[kept]
    del intended, done  # ten million requests are to fit into a gigabyte
    return Measured(
        manifest=run.manifest,
        load_start_us=start,
        start_us=begin,
        end_us=end,
        transient_s=transient,
        latency_ms=latency_ms,
        service_ms=(ended_us - _column(run, "sent_us")[kept]) / 1e3,
        parts_ms={part: _column(run, f"{part}_us")[kept] / 1e3 for part in PARTS},
        answered=answered,
        lost=int(np.count_nonzero(inside & ~success)),
        counts=_counts(failed, unfinished),
    )


def _measure_histogram(run: Run) -> Measured:
    table = run.table("histogram", ("slice_us", "kind", "value_us", "count", "sum_us"))
    column = {name: table[name].to_numpy(zero_copy_only=False) for name in table.column_names}
    kind, count, slice_us = column["kind"], column["count"], column["slice_us"]
    start, warm, end = bounds_us(run.manifest)
    length_us = histogram.slice_us(LoadPlan.from_dict(run.manifest.load).total_s)

    latency = kind == "latency"
    slices, where = np.unique(slice_us[latency], return_inverse=True)
    sums = np.bincount(where, weights=column["sum_us"][latency], minlength=len(slices))
    means = sums / np.bincount(where, weights=count[latency], minlength=len(slices))
    transient = cut_s(slices / 1e6, means, (end - start) / 1e6)
    begin = -(-max(warm - start, round((transient or 0.0) * 1e6)) // length_us) * length_us
    stop = (end - start) // length_us * length_us
    if stop <= begin:
        raise RecordError(f"run {run.manifest.run}: no whole slice of time was measured; give it more seconds")
    inside = (slice_us >= begin) & (slice_us < stop)

    def total(*kinds: str) -> int:
        return int(count[inside & np.isin(kind, kinds)].sum())

    kept = {name: inside & (kind == name) for name in ("latency", "service")}
    whole = {name: int(count[kind == name].sum()) for name in ("latency", "failed", "unfinished")}
    unknown = np.full(np.count_nonzero(kept["latency"]), np.nan)
    return Measured(
        manifest=run.manifest,
        load_start_us=start,
        start_us=start + int(begin),
        end_us=start + int(stop),
        transient_s=transient,
        latency_ms=column["value_us"][kept["latency"]] / 1e3,
        service_ms=column["value_us"][kept["service"]] / 1e3,
        parts_ms=dict.fromkeys(PARTS, unknown),
        answered=total("answered"),
        lost=total("failed", "unfinished"),
        counts=Counts(sum(whole.values()), whole["latency"], whole["failed"], whole["unfinished"]),
        latency_counts=count[kept["latency"]],
        service_counts=count[kept["service"]],
        sums_ms=(column["sum_us"][kept["latency"]].sum() / 1e3, column["sum_us"][kept["service"]].sum() / 1e3),
    )


def _column(run: Run, name: str) -> Any:
    """Read one column of the requests; one with nulls becomes floats with nan, exact below 2**53 microseconds."""
    return run.table("requests", (name,))[name].to_numpy()


def _picked(chosen: Flags) -> slice | Flags:
    """Return the chosen as a slice where they follow each other without a gap: it takes no time and no copy."""
    if not chosen.any():
        return slice(0, 0)
    first, last = int(np.argmax(chosen)), len(chosen) - int(np.argmax(chosen[::-1]))
    return slice(first, last) if np.count_nonzero(chosen) == last - first else chosen


def _counts(failed: Flags, unfinished: Flags) -> Counts:
    lost = int(np.count_nonzero(unfinished))
    broken = int(np.count_nonzero(failed & ~unfinished))
    return Counts(len(failed), len(failed) - lost - broken, broken, lost)
