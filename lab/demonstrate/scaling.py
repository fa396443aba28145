"""Systems whose truth is known, to see what the models make of them; and a real sweep over the number of users.

The known ones are computed, with a seed: a queue whose latency has a formula, a search in it, and throughputs that obey
the Universal Scalability Law but for noise. They need no server, and give the same on every machine.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lab.analyse import search
from lab.analyse.search import Answer, Reading
from lab.analyse.usl import Law
from lab.demonstrate.bench import Bench
from lab.record.sweep import Sweep
from lab.study import sweep as sweeps
from lab.study.question import parse

KNOWN = Law(100.0, 0.02, 0.0005)  # its peak is at 44 users
# SPEC SDM91 on 16 processors: load -> scripts per hour; from the R package usl, which publishes the coefficients
PUBLISHED = {1: [64.9], 18: [995.9], 36: [1652.4], 72: [1853.2], 108: [1828.9], 144: [1775.0], 216: [1702.2]}
PUBLISHED_PEAK = 96.52
SERVE_S = 0.01  # mean time to serve one request, of the simulated queue
_ASKED = """
question = "How does throughput grow with the users?"
repeats = {repeats}
[grid]
users = {users}
[load]
pool = "queue:size=2,overflow=0"
warmup_s = {warmup_s}
measured_s = {measured_s}
"""


def closed_ms(users: int, think_s: float, requests: int = 20_000, seed: int = 1) -> tuple[float, float]:
    """Return mean latency (ms) and rate (per second) of users who wait for one server and then think; simulated."""
    draw = np.random.default_rng(seed)
    ready = draw.exponential(think_s, users)
    free, total, last = 0.0, 0.0, 0.0
    for serve in draw.exponential(SERVE_S, requests):
        user = int(ready.argmin())
        begin = float(ready[user])
        free = max(free, begin) + float(serve)
        total, last = total + free - begin, max(last, free)
        ready[user] = free + draw.exponential(think_s)
    return 1000 * total / requests, requests / last


def open_ms(rate_per_s: float, requests: int = 20_000, seed: int = 1) -> float:
    """Return the mean latency (ms) of arrivals that wait for nobody, before the same server; simulated."""
    draw = np.random.default_rng(seed)
    free, total = 0.0, 0.0
    arrivals = draw.exponential(1 / rate_per_s, requests).cumsum()
    for arrival, serve in zip(arrivals, draw.exponential(SERVE_S, requests), strict=True):
        free = max(free, float(arrival)) + float(serve)
        total += free - float(arrival)
    return 1000 * total / requests


@dataclass(frozen=True, slots=True)
class Searched:
    """A search on a system whose capacity is known, requests per second."""

    readings: tuple[Reading, ...]
    answer: Answer
    truth_per_s: float


def searched(serves_per_s: float = 500.0, limit_ms: float = 50.0, noise: float = 0.1, seed: int = 1) -> Searched:
    """Search for the rate at which the p99 of a queue of random arrivals reaches its limit, each reading with noise."""
    draw = np.random.default_rng(seed)
    readings: list[Reading] = []
    while (rate := search.next_rate(readings, serves_per_s / 4)) is not None:
        p99_ms = 1000 * math.log(100) / (serves_per_s - rate) if rate < serves_per_s else math.inf
        readings.append(Reading(rate, math.log(p99_ms / limit_ms) + float(draw.normal(0, noise))))
    truth = serves_per_s - 1000 * math.log(100) / limit_ms
    return Searched(tuple(readings), search.answer(readings), truth)


def throughputs(users: Sequence[int], repeats: int = 5, noise: float = 0.03, seed: int = 1) -> dict[int, list[float]]:
    """Return throughputs (per second) of the known law, each repeat with noise of its own."""
    draw = np.random.default_rng(seed)
    return {one: [KNOWN.throughput(one) * math.exp(draw.normal(0, noise)) for _ in range(repeats)] for one in users}


def place(truth: float, low: float | None, high: float | None) -> float | None:
    """Return where in an interval the truth lies: 0 at its low end, 1 at its high one; None without an interval.

    >>> place(44.0, 42.0, 46.0), place(44.0, None, None)
    (0.5, None)
    """
    return None if low is None or high is None or low == high else (truth - low) / (high - low)


def swept(bench: Bench, users: Sequence[int], repeats: int, warmup_s: float, measured_s: float) -> Sweep:
    """Make a real sweep over *users*, anew; it takes about four seconds beside the load for each run.

    :raises LabError: if a part dies.
    """
    text = _ASKED.format(users=list(users), repeats=repeats, warmup_s=warmup_s, measured_s=measured_s)
    return sweeps.perform(parse(text, "lesson_users.toml"), bench.config, _Says(bench), bench.say, again=True)


class _Says:
    """Tells the bench what the sweep says."""

    live = False

    def __init__(self, bench: Bench) -> None:
        self._bench = bench

    def say(self, text: str) -> None:
        """Pass it on."""
        self._bench.say(text)

    def tick(self, tick: object) -> None:
        """Leave out what goes on within a run."""


def under_way(begun_us: np.ndarray, ended_us: np.ndarray, looks: int = 2000) -> float:
    """Return the mean number of requests under way, by looking at so many moments between the first and the last.

    >>> under_way(np.array([0, 0]), np.array([10, 5]))
    1.5
    """
    moments = np.linspace(begun_us.min(), ended_us.max(), looks, endpoint=False)
    began = np.searchsorted(np.sort(begun_us), moments, side="right")
    ended = np.searchsorted(np.sort(ended_us), moments, side="right")
    return round(float((began - ended).mean()), 9)
