"""A private server on which autovacuum looks every second, and a way to know when it has looked.

Whether autovacuum stays away cannot be told from a clock: it may be late. So there is a canary, a table with a
threshold of none for ANALYZE. After a row of it changed, its next run says that autovacuum has been in the database,
and that what it left alone it left alone knowingly. (A threshold for VACUUM would not do: where another session holds
the horizon for a moment, the dead row stays, and autovacuum comes once more for nothing.)

What a session counted is handed in at the latest when it ends, so everything here is written in sessions that end, and
the canary's row changes last. The canary is made first: a worker looks at the tables in the order of ``pg_class``.

Source: PostgreSQL's ``autovacuum.c`` (``do_autovacuum``), and the manual on when statistics are reported.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from psycopg2 import sql as pg
from psycopg2.extensions import connection as Connection

from lab import sql
from lab.demonstrate.bench import Bench
from lab.errors import BusyError
from lab.process import wait_until
from lab.server.private import Private, private

NAPTIME_S = 1  # the shortest that there is
DATABASE = "postgres"
SETTINGS: Mapping[str, str] = {
    "autovacuum": "on",
    "autovacuum_naptime": f"{NAPTIME_S}s",
    "log_autovacuum_min_duration": "0",
    "max_prepared_transactions": "10",
    "max_connections": "60",
}
PATIENCE_S = 60.0  # for one visit, on a machine that has other things to do
_STALE_S = 0.6  # up to version 14 a reader's statistics are at most half a second old


@dataclass(frozen=True, slots=True)
class Counters:
    """What the server counts of one table: rows, rows since the last vacuum or analyze, runs of autovacuum, bytes."""

    name: str
    dead: int
    live: int
    inserted: int  # since the last vacuum
    changed: int  # since the last analyze
    vacuums: int
    analyzes: int
    size_bytes: int  # with its indexes


@dataclass(slots=True)
class Ground:
    """The server, and a connection that looks at its statistics. *visits*: how often autovacuum was seen to be here."""

    server: Private
    reader: Connection = field(repr=False)
    say: Callable[[str], None] = field(repr=False)
    visits: int = 0

    @property
    def dsn(self) -> str:
        """The owner's DSN of the database in which everything happens."""
        return self.server.dsn(database=DATABASE)

    @contextmanager
    def session(self, database: str = DATABASE) -> Iterator[Connection]:
        """Lend a session in autocommit that ends, and with it hands in what it counted, before this returns."""
        with self.server.owner(database) as connection:
            pid = connection.info.backend_pid
            yield connection
        if not wait_until(lambda: not self.value("session_there", pid=pid), PATIENCE_S):
            raise BusyError(f"a session has not ended within {PATIENCE_S:g} s; try again when the machine is less busy")

    def ask(self, name: str, **values: Any) -> list[tuple[Any, ...]]:
        """Return the rows of a question of ``lab/sql/churn/``, asked on the connection that reads."""
        return run(self.reader, name, **values)

    def value(self, name: str, **values: Any) -> Any:
        """Return the first value of the first row."""
        return self.ask(name, **values)[0][0]

    def counters(self) -> dict[str, Counters]:
        """Return what the server counts of every table, by name, no older than this call."""
        self.settle()
        return {row[0]: Counters(*row) for row in self.ask("counters")}

    def settle(self) -> None:
        """Wait until a reader is shown the counters of all sessions that have ended: 13 and 14 may show older ones."""
        if self.value("collected"):
            time.sleep(_STALE_S)

    def visit(self, times: int = 1) -> None:
        """Return when autovacuum has been here so often, each time after everything before it was counted.

        :raises BusyError: if it has not come within a minute.
        """
        for _ in range(times):
            seen = self._canary()
            with self.session() as session:
                run(session, "canary_sings")
            self._until(lambda seen=seen: self._canary() > seen, "autovacuum has not come")  # type: ignore[misc]
            self._until(lambda: not self.value("at_work"), "autovacuum has not finished")
            self.visits += 1
        self.settle()

    def _canary(self) -> int:
        return next(int(row[6]) for row in self.ask("counters") if row[0] == "canary")

    def _until(self, ready: Callable[[], bool], else_what: str) -> None:
        if not wait_until(ready, PATIENCE_S, every_s=0.03):
            raise BusyError(f"{else_what} within {PATIENCE_S:g} s; try again when the machine is less busy")


@contextmanager
def ground(bench: Bench, **settings: str) -> Iterator[Ground]:
    """Lend a private server with autovacuum, which may be spoilt; *settings* are added to ``SETTINGS``."""
    bench.say("a private server is made, on which autovacuum looks every second")
    with private(bench.config, settings={**SETTINGS, **settings}) as server, server.owner(DATABASE) as reader:
        made = Ground(server, reader, bench.say)
        with made.session() as session:
            run(session, "canary")
        yield made


def run(connection: Connection, name: str, **values: Any) -> list[tuple[Any, ...]]:
    """Run a question of ``lab/sql/churn/``; *values* stand in it as literals, or as what they are if composed."""
    parts = {key: value if isinstance(value, pg.Composable) else pg.Literal(value) for key, value in values.items()}
    with connection.cursor() as cursor:
        text = sql.load(f"churn/{name}")
        cursor.execute(pg.SQL(text).format(**parts) if parts else text)
        return [tuple(row) for row in cursor] if cursor.description else []


def named(name: str) -> pg.Identifier:
    """Return a name as an SQL identifier."""
    return pg.Identifier(name)
