"""Little's law on a measured run: what is under way on average is the rate times the time that each one takes.

It holds whatever the distribution of arrivals and times, so a run in which it does not close has been measured wrongly,
or its ends weigh too much. Two checks. Requests under way, counted from their beginnings and ends, are throughput times
mean latency. And under closed load each user either waits for an answer or thinks, so throughput times (latency +
think time) is the number of users; what lacks is the generator's own time between an answer and the next request.

Source: J. D. C. Little, "A Proof for the Queuing Formula L = lambda W", Operations Research, 1961.
"""

from dataclasses import dataclass

import numpy as np

from lab.analyse.measured import Measured
from lab.record.run import Run


@dataclass(frozen=True, slots=True)
class Little:
    """Numbers of requests; None where they could not be had (no answer, or no single requests)."""

    under_way: float | None  # counted: the time that requests spent in the window, over its length
    by_law: float | None  # throughput x mean latency
    users: int | None  # of a closed load
    users_by_law: float | None  # throughput x (mean latency + think time), of a closed load

    @property
    def users_pct(self) -> float | None:
        """How far the users by the law are from those there were, per cent."""
        return 100 * (self.users_by_law / self.users - 1) if self.users and self.users_by_law is not None else None


def law(run: Run, measured: Measured) -> Little:
    """Return both sides of the law in the run's window; latency counts from the intended start."""
    load = run.manifest.load
    mean_s, rate = _mean_s(measured), measured.throughput_per_s
    closed = load.get("model") == "closed"
    stay_s = None if mean_s is None else mean_s + float(load.get("think_s", 0))
    return Little(
        under_way=_under_way(run, measured),
        by_law=None if mean_s is None else rate * mean_s,
        users=int(load["users"]) if closed else None,
        users_by_law=rate * stay_s if closed and stay_s is not None else None,
    )


def _mean_s(measured: Measured) -> float | None:
    if not measured.counted:
        return None
    total_ms = measured.sums_ms[0] if measured.sums_ms else float(measured.latency_ms.sum())
    return total_ms / measured.counted / 1e3


def _under_way(run: Run, measured: Measured) -> float | None:
    """Count every request, also one that failed, or had no answer when the load ended."""
    if run.manifest.detail == "histogram":
        return None
    table = run.table("requests", ("intended_us", "done_us"))
    begun, ended = (table[name].to_numpy().astype(float) for name in ("intended_us", "done_us"))
    ended = np.where(np.isnan(ended), measured.end_us, ended)
    inside = np.clip(ended, measured.start_us, measured.end_us) - np.clip(begun, measured.start_us, measured.end_us)
    return float(inside.sum()) / (measured.end_us - measured.start_us)
