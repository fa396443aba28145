"""Where the time of a mean request went: six parts that sum to its latency, in milliseconds.

``queue`` in the generator, ``network`` (and the web server's own queue) around the application, then inside it
``pool`` (waiting for a checkout), ``connect``, ``sql``, and the ``rest``. The means are over the successes whose answer
carried a ``Server-Timing`` header with ``app``; if none did, only ``queue`` is known. A part that no answer names is
None, and its time is in ``rest``; one that only some name took no time in the others.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lab.analyse.measured import Measured
from lab.analyse.warmup import Floats

SPOKEN = {  # the parts, for people
    "queue": "waiting to be sent",
    "network": "network and HTTP",
    "pool": "waiting for the pool",
    "connect": "connecting",
    "sql": "executing SQL",
    "rest": "the rest of the app",
}
PARTS = tuple(SPOKEN)


@dataclass(frozen=True, slots=True)
class Split:
    """Mean milliseconds of one successful request; None where not known."""

    queue: float | None
    network: float | None
    pool: float | None
    connect: float | None
    sql: float | None
    rest: float | None
    total: float  # the mean latency of the requests that were split

    def as_dict(self) -> dict[str, float | None]:
        """Return the six parts as plain values, for JSON."""
        return {part: getattr(self, part) for part in PARTS}

    @property
    def unknown(self) -> float:
        """What no part accounts for: the whole service time where answers carry no Server-Timing."""
        return self.total - sum(value for value in self.as_dict().values() if value is not None)


NOTHING = dict.fromkeys(PARTS)


def split(runs: Sequence[Measured]) -> Split | None:
    """Return the split of the mean request over all *runs*; None if none succeeded."""
    if any(run.latency_counts is not None for run in runs):
        return _outside(runs)
    latency, service = (_of_all([getattr(run, name) for run in runs]) for name in ("latency_ms", "service_ms"))
    if len(latency) == 0:
        return None
    app_ms = _of_all([run.parts_ms["app"] for run in runs])
    timed = ~np.isnan(app_ms)
    if not timed.any():
        queue = float((latency - service).mean())
        return Split(queue, None, None, None, None, None, total=float(latency.mean()))
    app = float(app_ms[timed].mean())
    # one after the other: of ten million requests each is 80 MB
    parts = {part: _mean(_of_all([run.parts_ms[part] for run in runs])[timed]) for part in ("pool", "connect", "sql")}
    return Split(
        queue=float((latency - service)[timed].mean()),
        network=float(service[timed].mean()) - app,
        **parts,
        rest=app - sum(value or 0.0 for value in parts.values()),
        total=float(latency[timed].mean()),
    )


def _of_all(each: Sequence[Floats]) -> Floats:
    return each[0] if len(each) == 1 else np.concatenate(each)


def _outside(runs: Sequence[Measured]) -> Split | None:
    """Return what histograms tell: the mean wait in the generator, and the rest of the latency unexplained.

    The means are exact: a histogram keeps the sums of its values beside their counts.
    """
    counted = [(run.sums_ms, run.counted) for run in runs if run.sums_ms is not None]
    count = sum(number for _, number in counted)
    if not count:
        return None
    latency, service = (sum(sums[side] for sums, _ in counted) / count for side in (0, 1))
    return Split(latency - service, None, None, None, None, None, total=latency)


def _mean(values: Floats) -> float | None:
    known = values[~np.isnan(values)]
    return float(known.sum() / len(values)) if len(known) else None
