"""The app's way to its database: the same SQL over a pool, over no pool, and over the bare driver.

A route opens a session, runs questions of ``lab/sql/app/`` by name and closes the session::

    with session() as db:
        rows = db.run("post", post=1)

Behind it stands a SQLAlchemy ``Session`` (pool kinds ``queue`` and ``null``) or a connection of psycopg2 that was
opened for this request (``connect``). The text that reaches the server is the same, so the variants of a comparison
differ in how they come by their connections and in nothing else.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict
from functools import cache, partial
from typing import Any, Protocol

import psycopg2
from psycopg2.extensions import connection as DriverConnection
from psycopg2.extensions import cursor as DriverCursor
from psycopg2.extensions import parse_dsn
from sqlalchemy import Engine, TextClause, text
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool, QueuePool

from lab import sql
from lab.app.timing import Meter, driver_connection, metered_engine, timed_class
from lab.errors import AppError, NotMarkedError, SettingError
from lab.plan import PoolConfig

Row = dict[str, Any]

_PARAMETER = re.compile(r"(?<![:\w]):(\w+)(?!:)")  # as SQLAlchemy's text() finds them: not the :: of a cast
_NO_MARK = (psycopg2.errors.UndefinedTable, psycopg2.errors.InvalidSchemaName, psycopg2.errors.InsufficientPrivilege)


class Queries(Protocol):
    """One session: a transaction that begins with the first question."""

    def run(self, name: str, **parameters: object) -> list[Row]:
        """Run ``lab/sql/app/<name>.sql`` and return its rows."""

    def commit(self) -> None:
        """Make what was written permanent."""

    def close(self) -> None:
        """Undo what was not committed, and give the connection back."""


class Database(Protocol):
    """What the app needs of a database, whatever its pool."""

    pool: PoolConfig
    meter: Meter

    def open(self) -> Queries:
        """Begin a session; with a pool, a connection is taken by its first question only."""

    def gauges(self) -> dict[str, int]:
        """Return size, checked_out, overflow and idle, in connections."""

    def dispose(self) -> None:
        """Close the connections that are idle, and with them flush their counters in the server."""


@contextmanager
def session_of(database: Database) -> Iterator[Queries]:
    """Hold a session for the length of a ``with`` block."""
    with closing(database.open()) as queries:
        yield queries


@cache
def _statement(name: str) -> TextClause:
    return text(sql.load(f"app/{name}"))


@cache
def _driver_text(name: str) -> str:
    return to_driver(sql.load(f"app/{name}"))


def to_driver(statement: str) -> str:
    """Write the parameters of a statement as psycopg2 wants them.

    >>> to_driver("SELECT a::int, ':' FROM t WHERE a = :name")
    "SELECT a::int, ':' FROM t WHERE a = %(name)s"
    """
    return _PARAMETER.sub(r"%(\1)s", statement)


class SessionQueries:
    """Questions through a SQLAlchemy session."""

    def __init__(self, engine: Engine) -> None:
        self._session = Session(engine)

    def run(self, name: str, **parameters: object) -> list[Row]:
        """See :class:`Queries`."""
        result: Any = self._session.execute(_statement(name), parameters)
        return [dict(row) for row in result.mappings()] if result.returns_rows else []

    def commit(self) -> None:
        """See :class:`Queries`."""
        self._session.commit()

    def close(self) -> None:
        """See :class:`Queries`."""
        self._session.close()


class EngineDatabase:
    """SQLAlchemy with its QueuePool or its NullPool."""

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
        """See :class:`Database`; a cold QueuePool's overflow is negative and is given as 0."""
        pool = self.engine.pool
        if not isinstance(pool, QueuePool):
            return _no_pool(self.meter)
        return {
            "size": pool.size(),
            "checked_out": pool.checkedout(),
            "overflow": max(0, pool.overflow()),
            "idle": pool.checkedin(),
        }

    def dispose(self) -> None:
        """See :class:`Database`."""
        self.engine.dispose()


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
        return _no_pool(self.meter)

    def dispose(self) -> None:
        """See :class:`Database`; nothing is kept here."""


def create_database(dsn: str, pool: PoolConfig, name: str) -> Database:
    """Return the app's database; nothing is connected yet. *name* becomes its application_name.

    :raises SettingError: if the DSN cannot be read.
    """
    return (DriverDatabase if pool.kind == "connect" else EngineDatabase)(dsn, pool, name)


def engine_options(pool: PoolConfig) -> dict[str, Any]:
    """Return what ``create_engine`` takes for *pool*: every parameter of QueuePool, or NullPool alone.

    >>> engine_options(PoolConfig("null"))
    {'poolclass': <class 'sqlalchemy.pool.impl.NullPool'>}
    """
    if pool.kind == "null":
        return {"poolclass": NullPool}
    return {
        "poolclass": QueuePool,
        "pool_size": pool.size,
        "max_overflow": pool.overflow,
        "pool_timeout": pool.timeout_s,
        "pool_recycle": pool.recycle_s,
        "pool_pre_ping": pool.pre_ping,
        "pool_use_lifo": pool.use_lifo,
        "pool_reset_on_return": None if pool.reset_on_return == "none" else pool.reset_on_return,
        "echo_pool": pool.echo_pool,
    }


def parameters(dsn: str) -> dict[str, Any]:
    """Return what a DSN says, as libpq reads it; the name of a Python driver in it is left out.

    :raises SettingError: if libpq cannot read it.

    >>> parameters("postgresql+psycopg2://lab_app@127.0.0.1:5433/lab?passfile=/a%20b")["passfile"]
    '/a b'
    """
    try:
        return dict(parse_dsn(re.sub(r"^postgres(ql)?(\+\w+)?://", "postgresql://", dsn)))
    except psycopg2.ProgrammingError:
        # without libpq's own words: they repeat the DSN
        raise SettingError("LAB_APP_DSN is no DSN; write postgresql://user@host:port/database?passfile=...") from None


def check_mark(dsn: str, name: str) -> None:
    """Refuse a database that is not the lab's own; the connection is closed again, and the pool stays cold.

    :raises NotMarkedError: if the database does not carry the mark.
    :raises AppError: if it cannot be reached.
    """
    known = parameters(dsn)
    place = f"database {known.get('dbname', '')!r} on {known.get('host', 'localhost')}:{known.get('port', 5432)}"
    try:
        with closing(psycopg2.connect(**known | {"application_name": f"{name}-check"})) as connection:
            cursor = connection.cursor()
            cursor.execute(sql.load("app/mark"))
            marks = cursor.fetchone()
    except _NO_MARK:
        marks = None
    except psycopg2.Error as error:
        reason = " ".join(str(error).split())
        raise AppError(f"{place} cannot be used: {reason}") from None
    if not marks or not marks[0]:
        raise NotMarkedError(f"{place} does not carry the lab's mark, and this app writes; use one that the lab made")


def _no_pool(meter: Meter) -> dict[str, int]:
    return {"size": 0, "checked_out": meter.snapshot().held_now, "overflow": 0, "idle": 0}


def totals(meter: Meter) -> dict[str, float]:
    """Return a meter's totals and gauges by name, for JSON."""
    return asdict(meter.snapshot())
