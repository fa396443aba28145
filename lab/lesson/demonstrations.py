"""Small experiments of the lessons that need no load: counts that are exact, or nearly so.

Everything here works on the lab's own database, through engines of its own with SQLAlchemy's pools as they are.
"""

from dataclasses import dataclass

from sqlalchemy import NullPool, QueuePool, create_engine, text
from sqlalchemy.engine import Engine

from lab import sql
from lab.plan import PoolConfig
from lab.process import wait_until
from lab.server import Server

NAME = "lab-lesson"


def engine(dsn: str, pool: PoolConfig) -> Engine:
    """Return an engine with a plain pool of the given kind; ``connect`` has none and is not for here."""
    url = dsn.replace("postgresql://", "postgresql+psycopg2://", 1)
    arguments = {"application_name": NAME}
    if pool.kind == "null":
        return create_engine(url, poolclass=NullPool, connect_args=arguments)
    return create_engine(
        url, poolclass=QueuePool, pool_size=pool.size, max_overflow=pool.overflow, connect_args=arguments
    )


def backends_behind(where: Server, spec: str, sessions: int) -> list[int]:
    """Open and close *sessions* sessions one after the other; return the pid of the backend behind each."""
    made = engine(where.app_dsn, PoolConfig.parse(spec))
    try:
        pids = []
        for _ in range(sessions):
            with made.connect() as connection:
                pids.append(int(connection.execute(text(sql.load("lesson/backend_pid"))).scalar_one()))
        return pids
    finally:
        made.dispose()


@dataclass(frozen=True, slots=True)
class Seen:
    """How many of the updates that were made the statistics views showed: at once, and after the backends flushed."""

    made: int
    at_once: int
    after_flush: int

    @property
    def share_at_once(self) -> float:
        """From 0.0 to 1.0."""
        return self.at_once / self.made


def updates_seen(where: Server, spec: str, updates: int = 200) -> Seen:
    """Make *updates* committed updates, read ``n_tup_upd`` at once, then again when every backend has ended.

    A backend reports its counters when it ends, and otherwise at most once a second while it works; an idle one keeps
    them for up to ten seconds (PostgreSQL 15 and later). Source: PostgreSQL's ``pgstat.c``.
    """
    reader = create_engine(
        where.owner_dsn.replace("postgresql://", "postgresql+psycopg2://", 1),
        poolclass=NullPool,
        isolation_level="AUTOCOMMIT",
        connect_args={"application_name": NAME},
    )
    writer = engine(where.app_dsn, PoolConfig.parse(spec))
    before = _updates(reader)
    try:
        for _ in range(updates):
            with writer.begin() as connection:
                connection.execute(text(sql.load("lesson/touch")))
        at_once = _updates(reader) - before
    finally:
        writer.dispose()
    return Seen(updates, at_once, _settled(reader, before + updates) - before)


def _updates(reader: Engine) -> int:
    with reader.connect() as connection:
        return int(connection.execute(text(sql.load("lesson/updates"))).scalar_one())


def _settled(reader: Engine, expected: int) -> int:
    """Read until the counter has what was done; a backend that was told to end takes a moment to do so."""
    wait_until(lambda: _updates(reader) >= expected, timeout_s=5.0)
    return _updates(reader)
