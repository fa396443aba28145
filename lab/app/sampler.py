"""Looks at a worker's pool and threads about ten times a second, and keeps what it saw until somebody asks.

A thread of its own does it, so that there are samples also while the event loop is blocked. The moments are drawn at
random around their mean distance: a fixed period would lock onto a load that has one.

A sample is a row of the run's table ``pool``, with its columns' names; the totals of each route go with the answer.
"""

import logging
import os
import random
import threading
from collections import deque
from dataclasses import asdict
from typing import Any

from anyio import CapacityLimiter

from lab.app.database import AsyncDatabase, Database
from lab.units import monotonic_us

_log = logging.getLogger("uvicorn.error")
PERIOD_S = 0.1  # mean
KEPT = 1200  # samples: two minutes, of which the lab asks every few seconds

Sample = dict[str, Any]


class Sampler:
    """Samples *database* from :meth:`start` to :meth:`stop`; may be asked from any thread."""

    def __init__(self, database: Database | AsyncDatabase) -> None:
        self._database = database
        self._limiter: CapacityLimiter | None = None
        self._kept: deque[Sample] = deque(maxlen=KEPT)
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._run, name="pool sampler", daemon=True)

    def start(self, limiter: CapacityLimiter) -> None:
        """Begin. *limiter* is that of the worker's threads, which belongs to the event loop."""
        self._limiter = limiter
        self._thread.start()

    def stop(self) -> None:
        """End, after the sample that is being taken."""
        self._ends.set()
        if self._thread.is_alive():
            self._thread.join()

    def since(self, after_us: int) -> list[Sample]:
        """Return the samples that were taken after *after_us* (monotonic), oldest first."""
        return [sample for sample in self._kept.copy() if sample["t_us"] > after_us]

    def routes(self) -> list[Sample]:
        """Return each route's totals as of now, as rows of the run's table ``pool_routes``."""
        stamp = {"t_us": monotonic_us(), "pid": os.getpid()}
        return [stamp | asdict(route) for route in self._database.meter.read()[1]]

    def _run(self) -> None:
        while not self._ends.wait(random.uniform(0.5, 1.5) * PERIOD_S):
            try:
                self._kept.append(self._look())
            except Exception:
                # one sample less, said once of each kind; without this the rest of the run would have none
                _log.exception("a sample of the pool failed")

    def _look(self) -> Sample:
        """Take one sample."""
        seen = {"t_us": monotonic_us(), "pid": os.getpid()}
        # a pool that connects by itself counts that by itself; the time of it is no part of any checkout
        connects = {"connects": int(self._database.totals()["connects"])}
        summed = asdict(self._database.meter.snapshot())
        return seen | summed | connects | self._database.gauges() | self._threads()

    def _threads(self) -> Sample:
        """Return what the limiter says; the event loop can disturb it while it copies who waits, so it is retried."""
        limiter = self._limiter
        for _ in range(3):
            try:
                found = limiter.statistics() if limiter else None
            except RuntimeError:  # changed during iteration
                continue
            if found:
                return {
                    "threads_borrowed": found.borrowed_tokens,
                    "threads_total": int(found.total_tokens),
                    "threads_waiting": found.tasks_waiting,
                }
        return {"threads_borrowed": None, "threads_total": None, "threads_waiting": None}
