"""How many connections: what arithmetic, queueing theory and the usual rules say, each with what it stands on.

None of these is *the* size. A ceiling says what must not be passed, Little's law what is needed for a rate, the rules
of thumb what a server of this kind can use at once; a measured run says which of them was right here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import ceil
from typing import Any

from lab.analyse.pool import PoolUse, pool_use
from lab.errors import UsageError
from lab.pools import THREADS
from lab.record.run import Run


@dataclass(frozen=True, slots=True)
class Service:
    """What is known of a service; None where it is not."""

    workers: int = 1  # processes of the app on one machine or container
    size: int = 5  # QueuePool's, in each engine
    overflow: int = 10
    engines: int = 1  # in each worker, each with a pool
    copies: int = 1  # machines or containers that run the app
    deploying: bool = False  # old and new copies at once, as in a rolling deploy
    max_connections: int = 100
    reserved: int = 3  # superuser_reserved_connections and reserved_connections
    others: int = 0  # connections of anybody else: monitoring, cron, migrations
    threads: int = THREADS
    per_request: int = 1  # connections that one request holds at a time
    rate_per_s: float | None = None  # requests that use a connection, over all copies
    hold_ms: float | None = None  # for which one of them keeps its connection, mean
    cores: int | None = None  # of the machine with PostgreSQL
    spindles: int = 0  # disks that serve reads at once; data in memory or on an SSD: 0

    @property
    def pools(self) -> int:
        """How many pools there can be at once."""
        return self.engines * self.workers * self.copies * (2 if self.deploying else 1)

    @property
    def slots(self) -> int:
        """How many connections the server leaves to the app."""
        return self.max_connections - self.reserved - self.others

    def checked(self) -> "Service":
        """Return self if the numbers make sense.

        :raises UsageError: naming the number and its limits.
        """
        limits: list[tuple[str, float | None, float, float]] = [
            ("workers", self.workers, 1, 10_000),
            ("size", self.size, 0, 10_000),
            ("overflow", self.overflow, 0, 10_000),
            ("engines", self.engines, 1, 100),
            ("copies", self.copies, 1, 10_000),
            ("max-connections", self.max_connections, 1, 262_143),
            ("reserved", self.reserved, 0, 262_143),
            ("others", self.others, 0, 262_143),
            ("threads", self.threads, 1, 10_000),
            ("per-request", self.per_request, 1, 100),
            ("rate", self.rate_per_s, 1e-9, 1e7),
            ("hold-ms", self.hold_ms, 1e-6, 3.6e6),
            ("cores", self.cores, 1, 4096),
            ("spindles", self.spindles, 0, 4096),
        ]
        for name, number, low, high in limits:
            if number is not None and not low <= number <= high:
                raise UsageError(f"{name} is {number:.12g}; give {low:g} to {high:g}")
        if self.slots < 1:
            raise UsageError(
                f"max-connections {self.max_connections} less reserved {self.reserved} and others {self.others} leaves "
                f"{self.slots} for the app; give a larger max-connections"
            )
        if self.size + self.overflow < 1:
            raise UsageError("size + overflow is 0, which QueuePool takes for no limit; give at least 1")
        return self


@dataclass(frozen=True, slots=True)
class Figure:
    """One number and what it stands on."""

    id: str
    name: str
    value: float
    unit: str
    how: str  # the arithmetic, with the numbers in it
    assumes: str
    warning: str = ""  # where the service as it is does not keep to it


def figures(service: Service) -> list[Figure]:
    """Return every figure that can be had from what is known of the service."""
    return [*_ceilings(service), *_in_flight(service), *_needed(service), *_rules(service)]


def waiting_share(busy: float, connections: int) -> float:
    """Return the share of requests that find all *connections* in use, 0.0 to 1.0, when *busy* are on average.

    For random (Poisson) arrivals and holds of random length; holds that are all alike wait less. Source: A. K. Erlang,
    1917 (the formula known as Erlang C).

    >>> [round(waiting_share(1.2, connections), 3) for connections in (1, 2, 4)]
    [1.0, 0.45, 0.037]
    """
    if busy >= connections:
        return 1.0
    lost = 1.0  # Erlang B, of 0 connections
    for count in range(1, connections + 1):
        lost = busy * lost / (count + busy * lost)
    return lost / (1 - busy / connections * (1 - lost))


def connections_for(busy: float, share: float) -> int:
    """Return the least connections of which at most *share* of the requests find none free.

    >>> connections_for(1.2, 0.05), connections_for(0.01, 0.05)
    (4, 1)
    """
    connections = max(1, ceil(busy))
    while waiting_share(busy, connections) > share:
        connections += 1
    return connections


def _ceilings(s: Service) -> list[Figure]:
    capacity = s.size + s.overflow
    ceiling, most = s.pools * capacity, s.slots // s.pools
    twice = " x 2 while deploying" if s.deploying else ""
    over = f"over the {s.slots} that the server leaves: the rest is refused" if ceiling > s.slots else ""
    return [
        Figure(
            "ceiling", "most connections that the app can open", ceiling, "connections",
            f"{s.copies} copies{twice} x {s.workers} workers x {s.engines} engines x ({s.size} + {s.overflow})",
            "every pool is full at once; pools start empty and grow on demand", over,
        ),
        Figure(
            "slots", "connections that the server leaves to the app", s.slots, "connections",
            f"max_connections {s.max_connections} - reserved {s.reserved} - others {s.others}",
            "the app's role is no superuser and has no reserved slot",
        ),
        Figure(
            "most", "most that size + overflow can be", most, "in each pool",
            f"{s.slots} / {s.pools} pools", "all pools alike; a ceiling, not a good size",
            "more pools than slots: not every worker gets one connection" if most < 1 else "",
        ),
    ]  # fmt: skip


def _in_flight(s: Service) -> list[Figure]:
    capacity = s.size + s.overflow
    safe = s.threads + capacity - 1
    least = s.threads * (s.per_request - 1) + 1
    return [
        Figure(
            "in-flight", "requests in flight that a worker survives with the documented sync dependency", safe,
            "in each worker", f"threads {s.threads} + {s.size} + {s.overflow} - 1",
            "a response model and `Depends` of a sync generator: a request that has its connection needs a second "
            "thread to give it back; `with Session()` in the handler has no such limit",
        ),
        Figure(
            "locking", "least size + overflow without waiting for each other for ever", least, "in each pool",
            f"{s.threads} threads x ({s.per_request} - 1) + 1",
            f"HikariCP's formula: a request holds {s.per_request} at a time, and all threads hold one less at once",
            f"size + overflow is {capacity}" if capacity < least else "",
        ),
    ]  # fmt: skip


def _needed(s: Service) -> list[Figure]:
    capacity = s.size + s.overflow
    found = []
    if s.hold_ms is not None:
        rate = s.pools * capacity * 1000 / s.hold_ms
        found.append(
            Figure(
                "rate-limit", "most requests per second that the pools let through", rate, "per second",
                f"{s.pools * capacity} connections / {s.hold_ms:g} ms",
                "the connections never wait, and holding does not grow with the load (Little's law)",
            )
        )  # fmt: skip
    if s.hold_ms is not None and s.rate_per_s is not None:
        busy = s.rate_per_s * s.hold_ms / 1000
        least = ceil(busy / s.pools)
        # beyond the largest size there can be, more is no help
        enough = connections_for(busy / s.pools, 0.05) if least <= 10_000 else least
        found.append(
            Figure(
                "little", "connections in use on average", busy, "connections",
                f"{s.rate_per_s:g}/s x {s.hold_ms:g} ms",
                f"the rate is reached and steady (Little's law): at least {least} in each of {s.pools} pools, and "
                f"{enough} for no more than 5 % to find none free, if arrivals and holds are random (Erlang C)",
                f"size + overflow is {capacity}" if capacity < least else "",
            )
        )  # fmt: skip
    return found


def _rules(s: Service) -> list[Figure]:
    if s.cores is None:
        return []
    active = 2 * s.cores + s.spindles
    return [
        Figure(
            "rule", "connections that the server can use at once", active, "active, over all pools",
            f"2 x {s.cores} cores + {s.spindles} spindles",
            "the PostgreSQL wiki's rule, which HikariCP repeats, for statements that keep a core busy; one that waits "
            "(for locks, disks, the network) does not count",
        )
    ]  # fmt: skip


def knee(rates: Mapping[int, float], share: float = 0.9) -> Figure:
    """Return the least size whose measured rate is within *share* of the best; *rates*: size -> requests per second.

    >>> knee({1: 135.0, 2: 222.0, 4: 252.0, 40: 244.0}).value
    4
    """
    best = max(rates.values())
    size = min(size for size, rate in rates.items() if rate >= share * best)
    return Figure(
        "measured-knee", f"least size that answered {share:.0%} of the most, measured", size, "connections",
        f"{rates[size]:.3g} of {best:.3g} requests per second; sizes {', '.join(map(str, sorted(rates)))}",
        "this machine, this statement, and users that do not wait",
    )  # fmt: skip


def from_run(run: Run, service: Service) -> tuple[Service, list[Figure]]:
    """Return the service with what a recorded run tells of it, and what was measured in that run.

    :raises UsageError: if the app's meters were not heard in it.
    """
    pool, meters = run.manifest.pool, _meters(run)
    if pool["kind"] != "queue":
        raise UsageError(
            f"run {run.manifest.run} has the pool {pool['spec']!r}, which has no size; name a run of a queue"
        )
    checkouts = sum(meter["checkouts"] for meter in meters)
    if not meters or not checkouts:
        raise UsageError(
            f"run {run.manifest.run} has no meters of its pool; make it again, or give --hold-ms and --rate"
        )
    wait_s, hold_s = (sum(meter[name] for meter in meters) for name in ("wait_s", "hold_s"))
    load_s = float(run.manifest.load["warmup_s"]) + float(run.manifest.load["measured_s"])
    known = replace(
        service,
        workers=int(pool["workers"]),
        size=int(pool["size"]),
        overflow=max(0, int(pool["overflow"])),
        rate_per_s=service.rate_per_s or checkouts / load_s,
        threads=int(pool.get("threads", THREADS)),
        hold_ms=service.hold_ms or 1000 * hold_s / checkouts,
        cores=service.cores or int(run.manifest.environment["host"]["machine_cores"]),
    )
    name, seen = run.manifest.run, pool_use(run)
    busy, over_s = (seen.held_mean, seen.window_s) if seen else (hold_s / load_s, load_s)
    measured = [
        Figure(
            "measured-busy", "connections in use, measured", busy, "connections",
            f"{busy * over_s:.3g} s held / {over_s:.4g} s of load", f"run {name}, under its load of {load_s:g} s",
            "its books do not balance: it is not to be believed" if seen and not seen.balances else "",
        ),
        Figure(
            "measured-wait", "waiting for a checkout, measured", 1000 * wait_s / checkouts, "ms, mean",
            f"{wait_s:.3g} s / {checkouts:,} checkouts", f"run {name}; the pool's own time is in it",
        ),
    ]  # fmt: skip
    return known, measured + (_sampled(seen, name) if seen else [])


def _sampled(seen: PoolUse, name: str) -> list[Figure]:
    """Return what only the samples of a run can tell."""
    full = f"all {seen.capacity} were in use" if seen.capacity and seen.held_peak >= seen.capacity else ""
    return [
        Figure(
            "measured-peak", "connections in use at once, sampled", seen.held_peak, "connections",
            f"the most of {seen.samples} samples", f"run {name}; a lower bound: shorter peaks fall between samples",
            full,
        ),
        Figure(
            "measured-waiting", "checkouts that wait or connect, measured", seen.pending_mean, "mean",
            f"{seen.checkouts_per_s:.4g}/s, over {seen.window_s:.3g} s", f"run {name}, under its load",
        ),
    ]  # fmt: skip


def _meters(run: Run) -> list[Mapping[str, Any]]:
    workers = run.manifest.pool_counters.get("workers", [])
    return [worker["meter"] for worker in workers if worker.get("meter")]
