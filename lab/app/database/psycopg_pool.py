"""psycopg's own pool under SQLAlchemy's NullPool: the kind ``psycopg_pool``.

For SQLAlchemy each checkout is a new connection and each return closes it; ``creator`` takes it from psycopg's pool,
and ``close()`` gives it back (``close_returns``). What waits, waits in that pool, first come first served; connections
are opened by threads of its own, so no request ever spends its time on connecting: it waits for a connection,
whichever, and ``Server-Timing`` counts that as *pool*. How many were opened, and how long it took, is in the pool's
``get_stats()``.

The pool is opened by the first checkout, and not with the app: so a run begins cold with every kind.

Source: psycopg's documentation, "Connection pools", about SQLAlchemy.
"""

from contextlib import suppress
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg_pool import ConnectionPool, PoolTimeout
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import NullPool

from lab.app.database.dsn import parameters
from lab.app.database.engine import SessionQueries
from lab.app.database.queries import Queries, counted
from lab.app.timing import Meter, metered_engine
from lab.plan import PoolConfig


class Lent(psycopg.Connection[Any]):
    """A connection that SQLAlchemy takes for a new one each time: what it adds to it again is there once only."""

    def add_notice_handler(self, callback: Any) -> None:
        """Add *callback* unless it is there; SQLAlchemy adds its own at every checkout."""
        with suppress(ValueError):
            self.remove_notice_handler(callback)
        super().add_notice_handler(callback)


class PsycopgPoolDatabase:
    """SQLAlchemy without a pool, over ``psycopg_pool.ConnectionPool``."""

    driver_errors: tuple[type[Exception], ...] = (psycopg.Error,)

    def __init__(self, dsn: str, pool: PoolConfig, name: str) -> None:
        self.pool = pool
        self.meter = Meter()
        self.lender = ConnectionPool(
            make_conninfo(**parameters(dsn) | {"application_name": name}),
            connection_class=Lent,
            min_size=pool.size if pool.min_size < 0 else pool.min_size,
            max_size=pool.size,
            timeout=pool.timeout_s,
            name=name,
            open=False,
            close_returns=True,
        )
        self.engine = metered_engine("postgresql+psycopg://", self.meter, poolclass=NullPool, creator=self._lend)

    def _lend(self) -> psycopg.Connection[Any]:
        if self.lender.closed:
            self.lender.open()
        try:
            return self.lender.getconn()
        except PoolTimeout as error:
            # a driver's error in its eyes, a pool's timeout in ours: it is counted and answered as of any other pool
            raise PoolTimeoutError(str(error)) from None

    def open(self) -> Queries:
        """See :class:`Database`."""
        return SessionQueries(self.engine)

    def gauges(self) -> dict[str, int]:
        """See :class:`Database`; its size changes between min and max, and is what it has open now."""
        stats = self.lender.get_stats()
        size, idle = stats.get("pool_size", 0), stats.get("pool_available", 0)
        return {"size": size, "checked_out": self.meter.snapshot().held_now, "overflow": 0, "idle": idle}

    def totals(self) -> dict[str, float]:
        """See :class:`Database`; connects and their time are those of the pool's own threads."""
        stats = self.lender.get_stats()
        connects = stats.get("connections_num", 0) - stats.get("connections_errors", 0)
        return counted(self.meter) | {"connects": connects, "connect_s": stats.get("connections_ms", 0) / 1e3}

    def dispose(self) -> None:
        """See :class:`Database`."""
        self.engine.dispose()
        if not self.lender.closed:
            self.lender.close()
