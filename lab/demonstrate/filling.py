"""How many connections a QueuePool keeps open while a load comes and goes: counts, no times.

The pool's own gauges are read beside what the server shows. SQLAlchemy's pool is the one that ``create_engine`` makes.

Source: ``sqlalchemy/pool/impl.py``, ``QueuePool._do_get`` and ``_do_return_conn``.
"""

import random
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial

from sqlalchemy import Connection, Engine, NullPool, QueuePool, text
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from lab import sql
from lab.demonstrate.bench import NAME, Bench, Reader
from lab.demonstrate.together import together
from lab.process import wait_until

_SETTLED_S = 5.0  # a backend that was told to end takes a moment to do so


def backend_of(connection: Connection) -> int:
    """Return the pid of the backend behind a connection; the transaction that this begins is left open."""
    return int(connection.execute(text(sql.load("lesson/backend_pid"))).scalar_one())


def backends(reader: Reader) -> list[int]:
    """Return the pids of the backends behind the bench's engines, the oldest first."""
    return [int(pid) for (pid,) in reader.rows("lesson/backends_open", application=NAME)]


@contextmanager
def checked_out(engine: Engine, count: int = 0) -> Iterator[list[Connection]]:
    """Lend *count* connections of the engine's pool; what is in the list at the end is given back, also on an error."""
    held: list[Connection] = []
    try:
        while len(held) < count:
            held.append(engine.connect())
        yield held
    finally:
        for connection in held:
            connection.close()


@dataclass(frozen=True, slots=True)
class Level:
    """A pool at one step of a demand; all are connections."""

    wanted: int  # the demand
    out: int  # checked out; less than wanted if the pool gave no more
    idle: int  # in the pool
    overflow: int  # what the pool's own counter of that name says
    backends: int  # what the server shows


def follow(
    bench: Bench, demand: Sequence[int], size: int = 5, overflow: int = 10, warm: bool = False
) -> tuple[Level, ...]:
    """Have as many connections out as each step of *demand* asks for; return what was open at each step.

    With *warm*, so many as the pool keeps are opened and given back before the first step.
    """
    levels = []
    with (
        bench.reader() as reader,
        bench.engine(QueuePool, pool_size=size, max_overflow=overflow, pool_timeout=0.05) as engine,
        checked_out(engine) as held,
    ):
        if warm:
            _hold(engine, held, size)
            _hold(engine, held, 0)
        for wanted in demand:
            _hold(engine, held, wanted)
            levels.append(_level(reader, engine, wanted))
    return tuple(levels)


def _hold(engine: Engine, held: list[Connection], wanted: int) -> None:
    """Open or close connections until so many are held, or the pool gives no more."""
    while len(held) > wanted:
        held.pop().close()
    try:
        while len(held) < wanted:
            held.append(engine.connect())
    except PoolTimeoutError:
        pass


def _level(reader: Reader, engine: Engine, wanted: int) -> Level:
    pool = engine.pool
    assert isinstance(pool, QueuePool)
    counted = pool.checkedin() + pool.checkedout()
    wait_until(lambda: len(backends(reader)) == counted, _SETTLED_S)
    return Level(wanted, pool.checkedout(), pool.checkedin(), pool.overflow(), len(backends(reader)))


@dataclass(frozen=True, slots=True)
class Kept:
    """Two connections of a pool that keeps one: their pids in the order of opening, and the one that was kept."""

    opened: tuple[int, int]
    left: tuple[int, ...]


def kept_of_two(bench: Bench, back: Sequence[int] = (1, 0)) -> Kept:
    """Open two connections of a pool with size 1 and overflow 1; give them back in the order *back*."""
    with (
        bench.reader() as reader,
        bench.engine(QueuePool, pool_size=1, max_overflow=1) as engine,
        checked_out(engine, 2) as held,
    ):
        opened = (backend_of(held[0]), backend_of(held[1]))
        for number in back:
            held[number].close()
        wait_until(lambda: len(backends(reader)) == 1, _SETTLED_S)
        return Kept(opened, tuple(backends(reader)))


@dataclass(frozen=True, slots=True)
class Churn:
    """What a pool opened while users came and went."""

    pool: str  # size+overflow, or NullPool
    checkouts: int  # that were served
    opened: int  # backends that served, each counted once

    @property
    def per_hundred(self) -> float:
        """Connections opened for each hundred checkouts."""
        return 100 * self.opened / self.checkouts


def churn(bench: Bench, size: int | None, overflow: int = 0, users: int = 20, each: int = 25) -> Churn:
    """Let *users* threads check out, hold for 3 ms and pause for up to 6 ms, *each* so many times.

    The pauses are drawn by a fixed seed, so how many want a connection at once goes up and down. *size* None stands
    for NullPool.

    :raises LabError: if a user's thread failed.
    """
    pids = list[int]()
    with _pool(bench, size, overflow) as engine:
        together([partial(_come_and_go, engine, each, user, pids) for user in range(users)])
    return Churn("NullPool" if size is None else f"{size}+{overflow}", len(pids), len(set(pids)))


def _pool(bench: Bench, size: int | None, overflow: int) -> AbstractContextManager[Engine]:
    if size is None:
        return bench.engine(NullPool)
    return bench.engine(QueuePool, pool_size=size, max_overflow=overflow)


def _come_and_go(engine: Engine, each: int, user: int, pids: list[int]) -> None:
    pause, hold = random.Random(user), text(sql.load("lesson/hold"))
    for _ in range(each):
        with engine.connect() as connection:
            pids.append(int(connection.execute(hold, {"seconds": 0.003}).scalar_one()))
        time.sleep(pause.uniform(0, 0.006))


def churn_of_each(bench: Bench, pools: Sequence[tuple[int, int]], repeats: int) -> dict[str, list[Churn]]:
    """Measure the churn of each pool (size, overflow) and of NullPool so often; return it by the pool's name."""
    found: dict[str, list[Churn]] = {}
    for number in range(repeats):
        bench.say(f"users come and go over each pool: {number + 1} of {repeats}")
        for size, overflow in [*pools, (None, 0)]:
            one = churn(bench, size, overflow)
            found.setdefault(one.pool, []).append(one)
    return found
