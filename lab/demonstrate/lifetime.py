"""How long a pooled connection lives, and which of them is used next: backends counted by their pids.

``pool_recycle`` compares the age of a connection, since it was opened, at its next checkout. Nothing else looks at it:
there is no thread that would close what is idle. Source: ``sqlalchemy/pool/base.py``, ``_ConnectionRecord``.
"""

import time
from collections import Counter
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, QueuePool
from sqlalchemy.exc import DBAPIError

from lab.demonstrate.bench import Bench, Reader
from lab.demonstrate.filling import backend_of, backends, checked_out
from lab.process import wait_until


@dataclass(frozen=True, slots=True)
class Recycled:
    """Backends of two connections, seen before and after an age was passed; all are counts of backends."""

    opened: int
    left_idle: int  # of these, still there when all were older than the age, and nobody had asked
    left_after_one: int  # still there after a single checkout
    left_after_both: int  # still there after both were checked out


def recycled(bench: Bench, recycle_s: float = 0.5, **options: Any) -> Recycled:
    """Open two connections, give them back, wait until they are older than *recycle_s* (-1: for half a second), ask.

    *options* go to ``create_engine``.
    """
    with bench.reader() as reader, bench.engine(QueuePool, pool_size=2, pool_recycle=recycle_s, **options) as engine:
        with engine.connect() as one, engine.connect() as other:
            first = {backend_of(one), backend_of(other)}
        time.sleep(max(recycle_s, 0.5) + 0.1)
        left_idle = len(first & set(backends(reader)))
        with engine.connect() as one:
            wait_until(lambda: len(first & set(backends(reader))) <= 1, timeout_s=2.0)
            left_after_one = len(first & set(backends(reader)))
            with engine.connect() as other:
                after = {backend_of(one), backend_of(other)}
        return Recycled(len(first), left_idle, left_after_one, len(first & after))


@dataclass(frozen=True, slots=True)
class InUse:
    """One connection that was used all the time."""

    uses: int
    seconds: float
    backends: int  # that served, one after the other


def never_idle(bench: Bench, recycle_s: float = 0.5, seconds: float = 1.2) -> InUse:
    """Use a pool of one connection without pause for so long; count the backends that served."""
    began, pids, uses = time.monotonic(), set[int](), 0
    with bench.engine(QueuePool, pool_size=1, max_overflow=0, pool_recycle=recycle_s) as engine:
        while time.monotonic() - began < seconds:
            with engine.connect() as connection:
                pids.add(backend_of(connection))
            uses += 1
            time.sleep(0.005)
    return InUse(uses, time.monotonic() - began, len(pids))


@dataclass(frozen=True, slots=True)
class Quiet:
    """A warm pool in a quiet time."""

    warm: int  # backends before
    uses: tuple[int, ...]  # of each of them in the quiet time, the busiest first
    left: int  # backends after it

    @property
    def touched(self) -> int:
        """Backends that were used at all."""
        return sum(count > 0 for count in self.uses)


def quiet(bench: Bench, warm: int = 8, uses: int = 40, **options: Any) -> Quiet:
    """Warm a pool, then use it one checkout at a time, 25 ms apart; count who served.

    *options* go to ``create_engine``.
    """
    with bench.reader() as reader, bench.engine(QueuePool, pool_size=warm, max_overflow=0, **options) as engine:
        return _quiet(reader, engine, warm, uses)


@dataclass(frozen=True, slots=True)
class Night:
    """A warm pool after a quiet time, and at the burst that follows."""

    warm: int  # backends before
    left: int  # backends at the end of the quiet time
    failed: int  # of as many requests as there were backends, all at once


def night(bench: Bench, warm: int = 8, uses: int = 40, **options: Any) -> Night:
    """Warm a pool, use it quietly as :func:`quiet` does, then ask for all of its connections at once."""
    with bench.reader() as reader, bench.engine(QueuePool, pool_size=warm, max_overflow=0, **options) as engine:
        left = _quiet(reader, engine, warm, uses).left
        failed = 0
        with checked_out(engine, warm) as held:
            for connection in held:
                try:
                    backend_of(connection)
                except DBAPIError:
                    failed += 1
        return Night(warm, left, failed)


def _quiet(reader: Reader, engine: Engine, warm: int, uses: int) -> Quiet:
    with checked_out(engine, warm) as held:
        counts = Counter({backend_of(connection): 0 for connection in held})
    for _ in range(uses):
        with engine.connect() as connection:
            counts[backend_of(connection)] += 1
        time.sleep(0.025)
    return Quiet(warm, tuple(sorted(counts.values(), reverse=True)), len(backends(reader)))
