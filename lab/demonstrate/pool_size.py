"""What the size of a pool does: too small it limits the rate, too large it moves the queue into the database.

One worker, fresh for each size, and a crowd of users that ask without pause. *Holding* sends requests that keep a
connection and no processor (``/patterns/inside``): their rate is Little's law. *Burning* sends requests that keep a
core of the server busy (``/patterns/burn``), and looks at three things at once: what the users see, how long the
database takes to execute a statement (pg_stat_statements, which counts at once), and what somebody else waits for one
row by its key.

Users, app and database share this machine's cores: shapes and ratios mean something, single digits do not.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import ceil, floor

import numpy as np

from lab import sql
from lab.demonstrate.bench import Bench, Reader
from lab.demonstrate.bystander import bystander
from lab.demonstrate.crowd import Crowd, crowd
from lab.pools import PoolConfig

BURN = "/patterns/burn?rows=100000"  # several milliseconds of one core
_SEED = 4


@dataclass(frozen=True, slots=True)
class Held:
    """A crowd whose requests hold a connection for a while and need no processor."""

    size: int
    hold_ms: float
    crowd: Crowd = field(repr=False)
    per_s: float

    @property
    def bound_per_s(self) -> float:
        """Little's law: size / hold."""
        return 1000 * self.size / self.hold_ms

    @property
    def share_of_bound(self) -> float:
        """Measured over the bound; never over 1, apart from the last requests' rounding."""
        return self.per_s / self.bound_per_s


@dataclass(frozen=True, slots=True)
class Burnt:
    """A crowd whose requests keep the server's cores busy, and what three onlookers saw."""

    size: int
    per_s: float
    users_p50_ms: float | None
    executed_ms: float | None  # mean execution time in the database; None without pg_stat_statements
    victim_p95_ms: float  # of somebody else's statement, from the time at which it was due
    victim_asked: int


@dataclass(frozen=True, slots=True)
class Wave:
    """So many requests at once, each holding a connection, and what the pool itself counted of them."""

    size: int  # as the pool tells it
    timeouts: int  # checkouts that the pool gave up, as it counts them
    sent: int
    answered: int
    hold_ms: float
    timeout_s: float

    @property
    def least(self) -> int:
        """The least size that refuses nobody: connections are free again after each hold, until the timeout."""
        return ceil(self.sent / (floor(1000 * self.timeout_s / self.hold_ms) + 1))


def holding(bench: Bench, sizes: Sequence[int], seconds: float, hold_ms: int = 50, users: int = 40) -> list[Held]:
    """Have *users* hold a connection for *hold_ms* again and again, under a pool of each of *sizes*."""
    found = []
    for size in sizes:
        bench.say(f"pool of {size}: {users} users, each holding a connection for {hold_ms} ms, for {seconds:g} s")
        with bench.application(f"queue:size={size},overflow=0") as web:
            path = f"/patterns/inside?ms={hold_ms}"
            crowd(web.url, path, size, each=1)  # opens the connections
            seen = crowd(web.url, path, users, seconds=seconds)
        found.append(Held(size, hold_ms, seen, seen.per_s))
    return found


def wave(bench: Bench, spec: str, requests: int = 20, hold_ms: int = 500) -> Wave:
    """Send *requests* at once, each holding a connection for *hold_ms*, and ask the pool what became of them."""
    bench.say(f"{requests} requests at once")
    pool = PoolConfig.parse(spec)
    with bench.application(spec) as web:
        crowd(web.url, "/patterns/inside?ms=20", pool.size, each=1)  # opens the connections
        before = sum(gauge["timeouts"] for gauge in web.gauges())
        seen = crowd(web.url, f"/patterns/inside?ms={hold_ms}", requests, each=1)
        after = web.gauges()
    size, timeouts = (sum(gauge[name] for gauge in after) for name in ("size", "timeouts"))
    return Wave(size, timeouts - before, requests, seen.done, hold_ms, pool.timeout_s)


def burning(bench: Bench, sizes: Sequence[int], seconds: float, users: int = 40, path: str = BURN) -> list[Burnt]:
    """Have *users* keep the server busy under a pool of each of *sizes*, beside a bystander.

    The sizes are visited in an order drawn by a fixed seed, so that a machine that slows down meanwhile does not look
    like the effect of the size; what was found has the order of *sizes*.
    """
    found: dict[int, Burnt] = {}
    with bench.reader() as reader:
        for size in random.Random(_SEED).sample(list(dict.fromkeys(sizes)), len(set(sizes))):
            bench.say(f"pool of {size}: {users} users keep the server busy, for {seconds:g} s")
            with bench.application(f"queue:size={size},overflow=0") as web:
                crowd(web.url, path, users, each=1)
                calls, total_ms = _burnt(reader)
                with bystander(bench.where.app_dsn, sql.load("lesson/bystander")) as victim:
                    seen = crowd(web.url, path, users, seconds=seconds)
                more_calls, more_ms = _burnt(reader)
            executed = (more_ms - total_ms) / (more_calls - calls) if more_calls > calls else None
            p95 = float(np.quantile(victim.times_ms, 0.95))
            found[size] = Burnt(size, seen.per_s, seen.ms(0.5), executed, p95, len(victim.times_ms))
    return [found[size] for size in sizes]


def _burnt(reader: Reader) -> tuple[int, float]:
    calls, total_ms = reader.rows("lesson/burnt")[0]
    return int(calls), float(total_ms)


def growth(points: Sequence[Burnt], what: str) -> float | None:
    """Return the last point's figure *what* over the first's; None where either is missing."""
    first, last = getattr(points[0], what), getattr(points[-1], what)
    return last / first if first and last else None
