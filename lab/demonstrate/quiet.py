"""A server that nobody else uses and on which autovacuum is off: what stands in a table is what the lesson did to it.

Elsewhere somebody's snapshot keeps dead rows, and autovacuum removes some between two looks. Each scene has a schema
of its own there, with one table that is always called ``scratch``.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from psycopg2 import sql as pg

from lab import sql
from lab.demonstrate.bench import Bench, Reader
from lab.server.private import private

_EXTENSION = "pgstattuple"
WIDTH = 20  # characters of a row's text


@contextmanager
def server(bench: Bench) -> Iterator[Bench]:
    """Lend a bench whose owner has a private server, with pgstattuple, and is a superuser there.

    The other roles of the bench stay where they were.

    :raises ServerError: if there can be none, such as where PostgreSQL's programs are not on this machine.
    """
    bench.say("making a private server")
    with private(bench.config) as lent:
        there = replace(bench, where=replace(bench.where, owner_dsn=lent.dsn()))
        with there.reader() as reader:
            _composed(reader, "server/create_extension", extension=_EXTENSION)
        yield there


def scene(reader: Reader, name: str, rows: int, width: int = WIDTH) -> None:
    """Begin a scene: a schema of its own, with a new table of so many rows."""
    _composed(reader, "vacuum/scene", scene=name)
    reader.rows("vacuum/table", rows=rows, width=width)


def enter(reader: Reader, name: str) -> None:
    """Go to a scene that was begun, also on another connection."""
    _composed(reader, "vacuum/enter", scene=name)


def _composed(reader: Reader, name: str, **identifiers: str) -> None:
    parts = {key: pg.Identifier(value) for key, value in identifiers.items()}
    with reader.connection.cursor() as cursor:
        cursor.execute(pg.SQL(sql.load(name)).format(**parts))
