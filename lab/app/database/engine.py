"""SQLAlchemy's engine on psycopg2, with its QueuePool or its NullPool: the kinds ``queue``, ``null``, ``pgbouncer``.

Before a PgBouncer the app has a NullPool, or a QueuePool of ``client`` connections. Nothing else is different: the
DSN leads to PgBouncer.
"""

from typing import Any

import psycopg2
from sqlalchemy import Engine
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool, QueuePool

from lab.app.database.dsn import parameters
from lab.app.database.queries import Queries, Row, counted, no_pool, rows_of, statement
from lab.app.timing import Meter, metered_engine
from lab.plan import PoolConfig


class SessionQueries:
    """Questions through a SQLAlchemy session."""

    def __init__(self, engine: Engine) -> None:
        self._session = Session(engine)

    def run(self, name: str, **parameters: object) -> list[Row]:
        """See :class:`Queries`."""
        return rows_of(self._session.execute(statement(name), parameters))

    def commit(self) -> None:
        """See :class:`Queries`."""
        self._session.commit()

    def close(self) -> None:
        """See :class:`Queries`."""
        self._session.close()


class EngineDatabase:
    """SQLAlchemy with its QueuePool or its NullPool."""

    driver_errors: tuple[type[Exception], ...] = (psycopg2.Error,)

    def __init__(self, dsn: str, pool: PoolConfig, name: str) -> None:
        self.pool = pool
        self.meter = Meter()
        self.engine = metered_engine(
            "postgresql+psycopg2://",  # since SQLAlchemy 2.1 a bare postgresql:// means psycopg 3
            self.meter,
            connect_args=parameters(dsn) | {"application_name": name},
            **engine_options(pool),
        )

    def open(self) -> Queries:
        """See :class:`Database`."""
        return SessionQueries(self.engine)

    def gauges(self) -> dict[str, int]:
        """See :class:`Database`."""
        return queue_gauges(self.engine, self.meter)

    def totals(self) -> dict[str, float]:
        """See :class:`Database`."""
        return counted(self.meter)

    def dispose(self) -> None:
        """See :class:`Database`."""
        self.engine.dispose()


def queue_gauges(engine: Engine, meter: Meter) -> dict[str, int]:
    """Return an engine's gauges; a cold QueuePool's overflow is negative and is given as 0."""
    pool = engine.pool
    if not isinstance(pool, QueuePool):
        return no_pool(meter)
    return {
        "size": pool.size(),
        "checked_out": pool.checkedout(),
        "overflow": max(0, pool.overflow()),
        "idle": pool.checkedin(),
    }


def engine_options(pool: PoolConfig) -> dict[str, Any]:
    """Return what ``create_engine`` takes for *pool*: every parameter of QueuePool, or NullPool alone.

    >>> engine_options(PoolConfig("null"))
    {'poolclass': <class 'sqlalchemy.pool.impl.NullPool'>}
    """
    if pool.kind == "null" or (pool.kind == "pgbouncer" and not pool.client_size):
        return {"poolclass": NullPool}
    if pool.kind == "pgbouncer":
        size = {"pool_size": pool.client_size, "max_overflow": 0, "pool_timeout": pool.timeout_s}
        return {"poolclass": QueuePool, **size}
    return {"poolclass": QueuePool, **queue_options(pool)}


def queue_options(pool: PoolConfig) -> dict[str, Any]:
    """Return the parameters of QueuePool, and of the pool of an async engine, which has the same."""
    return {
        "pool_size": pool.size,
        "max_overflow": pool.overflow,
        "pool_timeout": pool.timeout_s,
        "pool_recycle": pool.recycle_s,
        "pool_pre_ping": pool.pre_ping,
        "pool_use_lifo": pool.use_lifo,
        "pool_reset_on_return": None if pool.reset_on_return == "none" else pool.reset_on_return,
        "echo_pool": pool.echo_pool,
    }
