"""What every demonstration needs: the server, a folder for logs, how long it may take, and whom to tell."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import psycopg2
from sqlalchemy import Engine, QueuePool, create_engine
from sqlalchemy.pool import Pool

from lab import app, sql
from lab.config import Config
from lab.plan import PoolConfig
from lab.server import Server, pgbouncer
from lab.server.pgbouncer import Pooler

NAME = "lab-lesson"  # application_name of what demonstrations connect themselves

T = TypeVar("T")


def _silent(_: str) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True)
class Bench:
    """Where a demonstration works. *say* is told what happens, for whoever waits."""

    where: Server
    config: Config
    folder: Path  # for logs; exists, and is the caller's to keep or remove
    say: Callable[[str], None] = field(default=_silent, repr=False)

    def scaled(self, ci: T, workshop: T, full: T | None = None) -> T:
        """Return the value for the scale in force (LAB_SCALE): seconds, repeats, never what is compared."""
        return {"ci": ci, "workshop": workshop, "full": workshop if full is None else full}[self.config.scale]

    @contextmanager
    def application(self, spec: str, workers: int = 1, name: str = "lab-app-lesson") -> Iterator[app.App]:
        """Lend fresh processes of the sample app, under the pool that *spec* describes."""
        pool = PoolConfig.parse(spec, workers)
        log = self.folder / "lesson-app.log"
        with ExitStack() as stack:
            dsn = stack.enter_context(self.pooler(pool)).dsn if pool.needs_pooler else self.where.app_dsn
            web = app.start(dsn, pool, port=0, name=name, log=log)
            stack.callback(web.stop)
            yield web

    @contextmanager
    def pooler(self, pool: PoolConfig) -> Iterator[Pooler]:
        """Lend a fresh PgBouncer before the server, of the size and mode that *pool* has.

        :raises PoolerError: if there is none, or it does not start.
        """
        with pgbouncer.running(self.config, self.where, pool, self.folder / "lesson-pgbouncer.log") as made:
            yield made

    @contextmanager
    def engine(self, pool_class: type[Pool] = QueuePool, **options: Any) -> Iterator[Engine]:
        """Lend an engine of the app's role, with SQLAlchemy's pools as they are; *options* go to ``create_engine``."""
        made = create_engine(
            url(self.where.app_dsn),
            poolclass=pool_class,
            connect_args={"application_name": NAME} | options.pop("connect_args", {}),
            **options,
        )
        try:
            yield made
        finally:
            made.dispose()

    @contextmanager
    def reader(self, role: str = "owner") -> Iterator["Reader"]:
        """Lend a connection that reads statistics and is not counted among those it looks at."""
        dsn = {"owner": self.where.owner_dsn, "observer": self.where.observer_dsn}[role]
        connection = psycopg2.connect(dsn, application_name="lab-admin-lesson")
        connection.autocommit = True  # a transaction would repeat its first look
        try:
            yield Reader(connection)
        finally:
            connection.close()


class Reader:
    """Runs questions of ``lab/sql/`` by name, each in a transaction of its own."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection

    def rows(self, name: str, **parameters: object) -> list[tuple[Any, ...]]:
        """Return the rows of one question; parameters are written ``%(name)s`` in it."""
        with self.connection.cursor() as cursor:
            cursor.execute(sql.load(name), parameters or None)
            return [tuple(row) for row in cursor] if cursor.description else []

    def value(self, name: str, **parameters: object) -> Any:
        """Return the first value of the first row; None if there is no row."""
        rows = self.rows(name, **parameters)
        return rows[0][0] if rows else None


def url(dsn: str) -> str:
    """Return a DSN as SQLAlchemy takes it: since 2.1 a bare ``postgresql://`` means psycopg 3."""
    return dsn.replace("postgresql://", "postgresql+psycopg2://", 1)
