"""``psycopg2.connect()`` for each session: the kind ``connect``, which knows no SQLAlchemy."""

import re
from collections.abc import Callable
from contextlib import ExitStack
from functools import cache, partial

import psycopg2
from psycopg2.extensions import connection as DriverConnection
from psycopg2.extensions import cursor as DriverCursor

from lab import sql
from lab.app.database.dsn import parameters
from lab.app.database.queries import Queries, Row, counted, no_pool
from lab.app.timing import Meter, driver_connection, timed_class
from lab.plan import PoolConfig

_PARAMETER = re.compile(r"(?<![:\w]):(\w+)(?!:)")  # as SQLAlchemy's text() finds them: not the :: of a cast


@cache
def _driver_text(name: str) -> str:
    return to_driver(sql.load(f"app/{name}"))


def to_driver(statement: str) -> str:
    """Write the parameters of a statement as psycopg2 wants them.

    >>> to_driver("SELECT a::int, ':' FROM t WHERE a = :name")
    "SELECT a::int, ':' FROM t WHERE a = %(name)s"
    """
    return _PARAMETER.sub(r"%(\1)s", statement)


class DriverQueries:
    """Questions through a psycopg2 connection of their own; no SQLAlchemy."""

    def __init__(self, connect: Callable[[], DriverConnection], meter: Meter) -> None:
        self._stack = ExitStack()
        self._connection = self._stack.enter_context(driver_connection(meter, connect))

    def run(self, name: str, **parameters: object) -> list[Row]:
        """See :class:`Queries`."""
        with self._connection.cursor() as cursor:
            cursor.execute(_driver_text(name), parameters)
            if cursor.description is None:  # a statement that returns no rows
                return []
            columns = [column.name for column in cursor.description]
            return [dict(zip(columns, row, strict=True)) for row in cursor]

    def commit(self) -> None:
        """See :class:`Queries`."""
        self._connection.commit()

    def close(self) -> None:
        """See :class:`Queries`. Rolls back first, as a Session does: one round trip, and the same for all kinds."""
        try:
            self._connection.rollback()
        finally:
            self._stack.close()


class DriverDatabase:
    """``psycopg2.connect()`` for each session."""

    driver_errors: tuple[type[Exception], ...] = (psycopg2.Error,)

    def __init__(self, dsn: str, pool: PoolConfig, name: str) -> None:
        self.pool = pool
        self.meter = Meter()
        self._connect = partial(
            psycopg2.connect,
            **parameters(dsn) | {"application_name": name},
            connection_factory=timed_class(DriverConnection, "commit", "rollback"),
            cursor_factory=timed_class(DriverCursor, "execute", "executemany"),
        )

    def open(self) -> Queries:
        """See :class:`Database`; connects at once."""
        return DriverQueries(self._connect, self.meter)

    def gauges(self) -> dict[str, int]:
        """See :class:`Database`."""
        return no_pool(self.meter)

    def totals(self) -> dict[str, float]:
        """See :class:`Database`."""
        return counted(self.meter)

    def dispose(self) -> None:
        """See :class:`Database`; nothing is kept here."""
