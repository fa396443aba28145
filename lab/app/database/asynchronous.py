"""SQLAlchemy's async engine, on asyncpg or psycopg 3: the kind ``async``.

Its pool has the parameters of QueuePool. Requests wait for it on the event loop, first come first served, and not in
threads.

asyncpg always prepares. SQLAlchemy's dialect keeps the prepared statements of each connection, and asyncpg a cache of
its own for what is run without naming a statement; both stay as they come, at 100, since that is how these drivers
are used: without the first, each question would be prepared anew, at one more round trip. psycopg 3 prepares what a
connection runs the sixth time (``prepare_threshold`` 5), and that stays as well. psycopg2 never prepares.
"""

from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool

from lab.app.database.dsn import asyncpg_parameters, parameters
from lab.app.database.engine import queue_gauges, queue_options
from lab.app.database.queries import AsyncQueries, Row, counted, rows_of, statement
from lab.app.timing import Meter, instrument, metered
from lab.plan import PoolConfig


class AsyncSessionQueries:
    """Questions through a SQLAlchemy session on the event loop."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._session = AsyncSession(engine)

    async def run(self, name: str, **parameters: object) -> list[Row]:
        """See :class:`AsyncQueries`."""
        return rows_of(await self._session.execute(statement(name), parameters))

    async def commit(self) -> None:
        """See :class:`AsyncQueries`."""
        await self._session.commit()

    async def close(self) -> None:
        """See :class:`AsyncQueries`."""
        await self._session.close()


class AsyncEngineDatabase:
    """SQLAlchemy's async engine with the pool that belongs to it."""

    def __init__(self, dsn: str, pool: PoolConfig, name: str) -> None:
        self.pool = pool
        self.meter = Meter()
        self.driver_errors = _errors(pool.driver)
        self.engine = create_async_engine(
            f"postgresql+{pool.driver}://",
            poolclass=metered(AsyncAdaptedQueuePool, self.meter),
            connect_args=connect_arguments(dsn, pool.driver, name),
            **queue_options(pool),
        )
        instrument(self.engine.sync_engine, self.meter)

    def open(self) -> AsyncQueries:
        """See :class:`AsyncDatabase`."""
        return AsyncSessionQueries(self.engine)

    def gauges(self) -> dict[str, int]:
        """See :class:`AsyncDatabase`."""
        return queue_gauges(self.engine.sync_engine, self.meter)

    def totals(self) -> dict[str, float]:
        """See :class:`AsyncDatabase`."""
        return counted(self.meter)

    async def dispose(self) -> None:
        """See :class:`AsyncDatabase`."""
        await self.engine.dispose()


def connect_arguments(dsn: str, driver: str, name: str) -> dict[str, Any]:
    """Return what the driver's connect takes; *name* becomes the application_name.

    :raises SettingError: if the DSN cannot be read, or says what the driver does not know.

    >>> connect_arguments("postgresql://me@h/lab", "asyncpg", "n")["server_settings"]
    {'application_name': 'n'}
    """
    if driver == "asyncpg":
        return asyncpg_parameters(dsn) | {"server_settings": {"application_name": name}}
    return parameters(dsn) | {"application_name": name}


def _errors(driver: str) -> tuple[type[Exception], ...]:
    """Return what the driver raises while it connects, which SQLAlchemy does not wrap for asyncpg."""
    # imported here, since a worker needs one of the two
    if driver == "asyncpg":
        import asyncpg

        return (asyncpg.PostgresError, asyncpg.InterfaceError)
    import psycopg

    return (psycopg.Error,)
