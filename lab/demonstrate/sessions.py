"""Sessions and the backends behind them, and what the statistics views show of their work: counts, no times."""

import time
from contextlib import AbstractContextManager
from dataclasses import dataclass

from sqlalchemy import Engine, NullPool, QueuePool, text

from lab import sql
from lab.demonstrate.bench import NAME, Bench, Reader
from lab.plan import PoolConfig
from lab.process import wait_until


def _engine(bench: Bench, spec: str) -> AbstractContextManager[Engine]:
    pool = PoolConfig.parse(spec)
    if pool.kind == "null":
        return bench.engine(NullPool)
    return bench.engine(QueuePool, pool_size=pool.size, max_overflow=pool.overflow)


def backends_behind(bench: Bench, spec: str, sessions: int) -> list[int]:
    """Open and close *sessions* sessions one after the other; return the pid of the backend behind each."""
    pids = []
    with _engine(bench, spec) as engine:
        for _ in range(sessions):
            with engine.connect() as connection:
                pids.append(int(connection.execute(text(sql.load("lesson/backend_pid"))).scalar_one()))
    return pids


_FLUSHES_S = 1.0  # a backend that works reports at most so often
_TRIES = 5


@dataclass(frozen=True, slots=True)
class Seen:
    """How many of the updates that were made the statistics views showed: at once, and after the backends flushed.

    At once is when no backend is left that the client has closed: a backend that was told to end takes a moment.
    """

    made: int
    at_once: int
    after_flush: int
    took_s: float  # to make them
    kept: int  # backends that the pool kept

    @property
    def share_at_once(self) -> float:
        """From 0.0 to 1.0."""
        return self.at_once / self.made


def updates_seen(bench: Bench, spec: str, updates: int = 200) -> Seen:
    """Make *updates* committed updates, read ``n_tup_upd`` at once, then again when every backend has ended.

    A backend reports its counters when it ends, and otherwise at most once a second while it works; an idle one keeps
    them for up to ten seconds (PostgreSQL 15 and later). So where a pool's updates take longer than a second, on a busy
    machine, half as many are made anew. Source: PostgreSQL's ``pgstat.c``.
    """
    for attempt in range(_TRIES):
        seen = _updates_seen(bench, spec, updates >> attempt)
        if seen.kept == 0 or seen.took_s < _FLUSHES_S:
            break
    return seen


def _updates_seen(bench: Bench, spec: str, updates: int) -> Seen:
    with bench.reader() as reader:
        before = _updates(reader)
        with _engine(bench, spec) as engine:
            began = time.monotonic()
            for _ in range(updates):
                with engine.begin() as connection:
                    connection.execute(text(sql.load("lesson/touch")))
            took_s = time.monotonic() - began
            kept = engine.pool.checkedin() if isinstance(engine.pool, QueuePool) else 0
            wait_until(lambda: len(reader.rows("lesson/backends_open", application=NAME)) <= kept, timeout_s=5.0)
            at_once = _updates(reader) - before
        wait_until(lambda: _updates(reader) >= before + updates, timeout_s=5.0)
        return Seen(updates, at_once, _updates(reader) - before, took_s, kept)


def _updates(reader: Reader) -> int:
    return int(reader.value("lesson/updates"))
