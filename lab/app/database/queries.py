"""What the app needs of a database, whatever its pool: sessions that run questions by name, and what a pool tells.

There are two of each: for handlers in threads, and for handlers on the event loop.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import asdict
from functools import cache
from typing import Any, Protocol

from sqlalchemy import TextClause, text

from lab import sql
from lab.app.timing import Meter
from lab.plan import PoolConfig

Row = dict[str, Any]


class Queries(Protocol):
    """One session: a transaction that begins with the first question."""

    def run(self, name: str, **parameters: object) -> list[Row]:
        """Run ``lab/sql/app/<name>.sql`` and return its rows."""

    def commit(self) -> None:
        """Make what was written permanent."""

    def close(self) -> None:
        """Undo what was not committed, and give the connection back."""


class AsyncQueries(Protocol):
    """The same on the event loop: see :class:`Queries`."""

    async def run(self, name: str, **parameters: object) -> list[Row]:
        """Run ``lab/sql/app/<name>.sql`` and return its rows."""

    async def commit(self) -> None:
        """Make what was written permanent."""

    async def close(self) -> None:
        """Undo what was not committed, and give the connection back."""


class Pooled(Protocol):
    """What a pool tells of itself."""

    pool: PoolConfig
    meter: Meter
    driver_errors: tuple[type[Exception], ...]  # what its driver raises where no SQLAlchemy wraps it

    def gauges(self) -> dict[str, int]:
        """Return size, checked_out, overflow and idle, in connections."""

    def totals(self) -> dict[str, float]:
        """Return what was counted since the process began, by name, for JSON."""


class Database(Pooled, Protocol):
    """A database whose handlers run in threads."""

    def open(self) -> Queries:
        """Begin a session; with a pool, a connection is taken by its first question only."""

    def dispose(self) -> None:
        """Close the connections that are idle, and with them flush their counters in the server."""


class AsyncDatabase(Pooled, Protocol):
    """A database whose handlers run on the event loop."""

    def open(self) -> AsyncQueries:
        """Begin a session; a connection is taken by its first question only."""

    async def dispose(self) -> None:
        """Close the connections that are idle, and with them flush their counters in the server."""


@contextmanager
def session_of(database: Database) -> Iterator[Queries]:
    """Hold a session for the length of a ``with`` block."""
    with closing(database.open()) as queries:
        yield queries


@asynccontextmanager
async def async_session_of(database: AsyncDatabase) -> AsyncIterator[AsyncQueries]:
    """Hold a session for the length of an ``async with`` block."""
    queries = database.open()
    try:
        yield queries
    finally:
        await queries.close()


@cache
def statement(name: str) -> TextClause:
    """Return ``lab/sql/app/<name>.sql`` as SQLAlchemy takes it."""
    return text(sql.load(f"app/{name}"))


def rows_of(result: Any) -> list[Row]:
    """Return the rows of SQLAlchemy's result; none of a statement that returns no rows."""
    return [dict(row) for row in result.mappings()] if result.returns_rows else []


def no_pool(meter: Meter) -> dict[str, int]:
    """Return the gauges where no pool keeps connections."""
    return {"size": 0, "checked_out": meter.snapshot().held_now, "overflow": 0, "idle": 0}


def counted(meter: Meter) -> dict[str, float]:
    """Return a meter's totals and gauges by name, for JSON."""
    return asdict(meter.snapshot())
