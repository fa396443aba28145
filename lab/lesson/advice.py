"""What to set for a service of the reader's own: each setting with its value, and what that stands on.

The arithmetic is :mod:`lab.analyse.sizing`'s. What comes out is where to begin, not where to end: it holds for the rate
and the hold that are given, and both can be measured (a response's ``Server-Timing``, ``lab sizing --run``).
"""

from collections.abc import Iterable
from math import ceil, floor
from typing import Any

import pandas as pd

from lab.analyse.sizing import Figure, Service, connections_for, figures, waiting_share
from lab.errors import UsageError

PATTERNS = ("inside", "documented")  # ways of holding a session, as in the sample app's routes under /patterns
WAIT_PCT = 5.0  # of the requests may find the pool empty
TIMEOUT_S = 3.0
RECYCLE_S = 1800
WARNING = "WARNING"

Row = tuple[str, Any, str]


class Advice(pd.DataFrame):
    """A table whose reasons are shown whole in a notebook; pandas would cut them at fifty characters."""

    def _repr_html_(self) -> str:
        with pd.option_context("display.max_colwidth", None):
            return str(self.to_html(index=False))


def advice(
    workers: int = 4,
    rate_per_s: float = 400.0,
    hold_ms: float = 12.0,
    max_connections: int = 100,
    threads: int = 40,
    pattern: str = "inside",
    *,
    reserved: int = 3,
    others: int = 5,
    cores: int | None = None,
) -> pd.DataFrame:
    """Return what to set for a service, with the columns ``setting``, ``value`` and ``why``.

    :param workers: processes of the app, all machines together, each with a pool of its own.
    :param rate_per_s: requests that use a connection, per second, over all workers.
    :param hold_ms: how long one of them keeps its connection, mean, milliseconds.
    :param max_connections: the server's.
    :param threads: in which each worker runs what is not async; AnyIO's default is 40.
    :param pattern: ``inside`` (``with Session()`` in the handler) or ``documented`` (dependency with ``yield``, and a
        response model).
    :param reserved: ``superuser_reserved_connections`` and ``reserved_connections`` together.
    :param others: connections for monitoring, migrations, and people.
    :param cores: of the machine with PostgreSQL; None leaves the rule about them out.
    :raises UsageError: for a number out of range or another pattern, naming it.
    """
    if pattern not in PATTERNS:
        raise UsageError(f"pattern {pattern!r} is unknown; use {' or '.join(PATTERNS)}")
    known = Service(
        workers=workers, size=1, overflow=0, max_connections=max_connections, reserved=reserved, others=others,
        threads=threads, rate_per_s=rate_per_s, hold_ms=hold_ms, cores=cores,
    ).checked()  # fmt: skip
    size = _size(known)
    service = Service(
        workers=workers, size=size, overflow=0, max_connections=max_connections, reserved=reserved, others=others,
        threads=threads, rate_per_s=rate_per_s, hold_ms=hold_ms, cores=cores,
    )  # fmt: skip
    rows = [*_pool(service), *_in_flight(service, pattern), *_server(service), *_warnings(service)]
    return Advice(rows, columns=["setting", "value", "why"])


def formulas(*measured: Figure, **known: float | None) -> pd.DataFrame:
    """Return every figure that arithmetic has for a service, and those that were measured.

    *known* are fields of :class:`lab.analyse.sizing.Service`, such as workers, size, overflow and max_connections.

    :raises UsageError: for a number out of range.
    """
    found = [*figures(Service(**known).checked()), *measured]  # type: ignore[arg-type]
    rows = [(figure.name, f"{figure.value:.4g}", figure.unit, figure.how, figure.warning) for figure in found]
    return Advice(rows, columns=["figure", "value", "unit", "how", "warning"])


def _size(service: Service) -> int:
    """Return the size for this rate; no more than the server's share for a worker, or than its threads can use."""
    wanted = connections_for(_busy(service), WAIT_PCT / 100)
    return max(1, min(wanted, service.slots // service.workers, service.threads))


def _busy(service: Service) -> float:
    """Return how many connections of one worker are in use on average."""
    return (service.rate_per_s or 0.0) * (service.hold_ms or 0.0) / 1000 / service.workers


def _by_id(service: Service) -> dict[str, Figure]:
    return {figure.id: figure for figure in figures(service)}


def _pool(service: Service) -> Iterable[Row]:
    found, size = _by_id(service), service.size
    little = found["little"]
    wait = waiting_share(_busy(service), size)
    waits = f"{100 * wait:.2g} % of the requests then wait" if wait < 1 else "and the queue grows without end"
    yield (
        "pool_size",
        size,
        f"{little.how} = {little.value:.3g} in use on average, {_busy(service):.3g} in each of {service.workers} "
        f"workers; {waits}. Assumes: the rate is the peak's, arrivals are random, all workers get alike",
    )
    yield (
        "max_overflow",
        0,
        "overflow connections are opened and closed again as the load changes, each at the price of a connect; "
        "a size that is large enough opens each once",
    )
    cleared = floor(TIMEOUT_S * 1000 * size / (service.hold_ms or 1.0))
    yield (
        "pool_timeout",
        TIMEOUT_S,
        f"seconds; SQLAlchemy's default is 30. In {TIMEOUT_S:g} s a pool of {size} serves {cleared:,} requests: who "
        "waits longer is better told so. Assumes: the caller waits longer than that",
    )
    yield (
        "pool_pre_ping",
        True,
        "a connection that was dropped while idle is noticed and replaced; one round trip for each checkout. It saves "
        "no request that is under way",
    )
    yield (
        "pool_recycle",
        RECYCLE_S,
        "seconds; an older connection is replaced at its next checkout, so what it has cached in the server goes too. "
        "Assumes: nothing between app and server cuts connections sooner",
    )


def _in_flight(service: Service, pattern: str) -> Iterable[Row]:
    yield (
        "threads",
        service.threads,
        f"in each worker (AnyIO's default is 40); at least pool_size ({service.size}), since a thread is what asks for "
        "a connection. More threads wait in the pool, and answer no sooner",
    )
    safe = _by_id(service)["in-flight"]
    if pattern == "documented":
        yield (
            "requests in flight",
            int(safe.value),
            f"the most in each worker: {safe.how}. With one more, threads can all wait for a connection while those "
            "who have one wait for a thread. Limit them before the worker, give the dependency "
            f"max_concurrency={service.size} (FastAPI 0.163), or open the session in the handler",
        )
    else:
        yield (
            "requests in flight",
            "no limit",
            "the session ends in the handler, so a request that has a connection has the thread that gives it back; "
            f"what is over the rate waits. FastAPI's documented dependency stands {safe.value:g} in each worker: give "
            'pattern="documented" if yours is that',
        )


def _server(service: Service) -> Iterable[Row]:
    found = _by_id(service)
    ceiling, slots = found["ceiling"], found["slots"]
    yield (
        "workers x ceiling",
        int(ceiling.value),
        f"{service.workers} x ({service.size} + {service.overflow}) of the {slots.value:g} that the server leaves "
        f"({slots.how}); {slots.assumes}",
    )
    yield (
        "max_connections",
        max(service.max_connections, _needed(service)),
        f"at least {_needed(service)}: twice the {ceiling.value:g}, as old and new workers run side by side in a "
        f"rolling deploy, + reserved {service.reserved} + others {service.others}; a slot nobody uses is nearly free",
    )


def _needed(service: Service) -> int:
    return 2 * int(_by_id(service)["ceiling"].value) + service.reserved + service.others


def _warnings(service: Service) -> Iterable[Row]:
    found, least = _by_id(service), ceil(_busy(service))
    ceiling = int(found["ceiling"].value)
    if ceiling > service.slots:
        yield WARNING, "does not fit", f"{ceiling} connections {found['ceiling'].warning}"
    elif 2 * ceiling > service.slots:
        yield (
            WARNING,
            "no rolling deploy",
            f"{ceiling} connections fit into {service.slots}, and those of old and new workers together do not: set "
            f"max_connections to {_needed(service)}, use fewer workers, or put a pooler between",
        )
    if _busy(service) >= service.size:
        yield (
            WARNING,
            "too little",
            f"{_busy(service):.3g} connections are in use in each worker, so at least {least + 1} are needed and "
            f"{service.size} can be had: shorten the hold, or use "
            f"{'more workers' if service.size >= service.threads else 'a larger max_connections'}",
        )
    if "rule" in found and found["little"].value > found["rule"].value:
        rule = found["rule"]
        yield (
            WARNING,
            "more than the cores",
            f"{found['little'].value:.3g} connections in use are over {rule.value:g} = {rule.how}: if the statements "
            "compute, they wait for a core, and the hold grows with the load",
        )
