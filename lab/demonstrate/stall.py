"""A recorded load on a server that stands still now and then, because somebody locks the table that everybody reads.

The lock is what a migration takes. It is stamped on the clock of the record, after it was given and before it is given
back, so which requests were planned while nothing could be answered is a count, and no matter of speed.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import psycopg2

from lab import experiment, sql
from lab.demonstrate.bench import NAME, Bench
from lab.plan import LoadPlan, PoolConfig, Variant
from lab.record.frames import load as frames
from lab.record.run import Run, open_run
from lab.units import monotonic_us

Span = tuple[int, int]


@dataclass(frozen=True)
class Stalled:
    """A run, and when nothing could be answered in it: spans of the record's clock, microseconds."""

    run: Run
    stalls: tuple[Span, ...]

    @cached_property
    def times_us(self) -> np.ndarray:
        """Return when each request was planned, sent and answered; one without an answer is left out."""
        table = frames(self.run.folder)["requests"][["intended_us", "sent_us", "done_us"]].dropna()
        times: np.ndarray = table.to_numpy(dtype=np.int64)
        return times[times[:, 0].argsort()]

    @property
    def latency_ms(self) -> np.ndarray:
        """From the intended start, in the order of it."""
        latency: np.ndarray = (self.times_us[:, 2] - self.times_us[:, 0]) / 1e3
        return latency

    @property
    def stalled_s(self) -> float:
        """How long it stood still in all, seconds."""
        return sum(end - begin for begin, end in self.stalls) / 1e6

    @property
    def per_s(self) -> float:
        """Requests planned per second of the load."""
        return len(self.times_us) / float(self.run.manifest.load["warmup_s"] + self.run.manifest.load["measured_s"])

    @property
    def arrived(self) -> list[int]:
        """How many requests were planned while it stood still, each time."""
        planned = self.times_us[:, 0]
        return [int(((planned >= begin) & (planned < end)).sum()) for begin, end in self.stalls]

    @property
    def most_at_once(self) -> int:
        """The most requests under way at one moment."""
        return most_at_once(self.times_us[:, 0], self.times_us[:, 2])

    @property
    def counts(self) -> dict[str, int]:
        """Return what a lesson shows of the run."""
        return {
            "requests": len(self.times_us),
            "locks": len(self.stalls),
            "planned meanwhile": sum(self.arrived),
            "most at once": self.most_at_once,
        }

    def slow(self, ms: float) -> int:
        """Return how many requests took at least so long."""
        return int((self.latency_ms >= ms).sum())


def most_at_once(begun_us: np.ndarray, ended_us: np.ndarray) -> int:
    """Return the most requests that were under way at one moment; one that ends as another begins is over.

    >>> most_at_once(np.array([0, 5, 10]), np.array([10, 8, 20]))
    2
    """
    moments = np.concatenate([begun_us, ended_us])
    changes = np.concatenate([np.ones(len(begun_us)), -np.ones(len(ended_us))])
    order = np.lexsort((changes, moments))
    return int(changes[order].cumsum().max(initial=0))


def loaded(bench: Bench, plan: LoadPlan, spec: str = "queue:size=5,overflow=0") -> Run:
    """Make one recorded run of *plan* on the bench's server, on fresh processes of the app.

    :raises LabError: if a part dies.
    """
    bench.say(f"{plan.model} load of {plan.total_s:g} s")
    question = experiment.Question((Variant(spec, PoolConfig.parse(spec)),), plan, pairs=1)
    folder = experiment.perform(question, bench.config, None, bench.where)
    return open_run(folder / question.slots()[0].folder_name)


def stalled(bench: Bench, plan: LoadPlan, hold_s: float) -> Stalled:
    """Make a run in which the table is locked for *hold_s* of every twice that time."""
    with _locking(bench, hold_s) as spans:
        run = loaded(bench, plan)
    begin, end = run.manifest.marks["load_start"], run.manifest.marks["load_end"]
    return Stalled(run, tuple(one for one in spans if begin <= one[0] and one[1] <= end))


@contextmanager
def _locking(bench: Bench, hold_s: float) -> Iterator[list[Span]]:
    spans: list[Span] = []
    over = threading.Event()
    worker = threading.Thread(target=_lock_until, args=(bench.where.owner_dsn, hold_s, over, spans), daemon=True)
    worker.start()
    try:
        yield spans
    finally:
        over.set()
        worker.join()


def _lock_until(dsn: str, hold_s: float, over: threading.Event, spans: list[Span]) -> None:
    connection = psycopg2.connect(dsn, application_name=NAME)
    try:
        while not over.wait(hold_s):
            with connection, connection.cursor() as cursor:
                cursor.execute(sql.load("lesson/lock_posts"))
                begin = monotonic_us()
                over.wait(hold_s)
                spans.append((begin, monotonic_us()))
    finally:
        connection.close()
