"""Storage parameters of the blog's tables, set for a run and put back: what is not named has its default.

A fillfactor counts for pages that are filled from then on, so the tables are rewritten: each run begins with the same
rows in fresh pages, whatever the runs before it left.
"""

from collections.abc import Iterable, Mapping, Sequence

import psycopg2
from psycopg2 import sql as pg
from psycopg2.extensions import cursor as Cursor

from lab import sql
from lab.errors import ServerError, UsageError
from lab.server import data


def set_storage(owner_dsn: str, wanted: Mapping[str, Mapping[str, str]], rewritten: Iterable[str] = ()) -> None:
    """Give the blog's tables the parameters *wanted* (table, parameter, value), and no others; rewrite some.

    :raises UsageError: if PostgreSQL does not know one, or not this value.
    :raises ServerError: if it cannot put them back, or cannot rewrite a table.
    :raises NotMarkedError: if the database is not the lab's.
    """
    with data.connect(owner_dsn) as connection, connection.cursor() as cursor:
        data.guard(connection)
        try:
            _reset(cursor)
            _set(cursor, wanted)
            for table in sorted(rewritten):
                cursor.execute(_statement("study/storage_rewrite", table, []))
        except psycopg2.Error as error:
            raise ServerError(f"the sweep's tables cannot be prepared: {data.one_line(error)}") from None


def _reset(cursor: Cursor) -> None:
    cursor.execute(sql.load("study/storage_set"))
    for table, names in cursor.fetchall():
        cursor.execute(_statement("study/storage_reset", table, [pg.Identifier(name) for name in names]))


def _set(cursor: Cursor, wanted: Mapping[str, Mapping[str, str]]) -> None:
    for table, values in wanted.items():
        pairs = [pg.SQL("{} = {}").format(pg.Identifier(name), pg.Literal(text)) for name, text in values.items()]
        try:
            cursor.execute(_statement("study/storage", table, pairs))
        except psycopg2.Error as error:
            raise UsageError(f"[grid.table.{table}]: {data.one_line(error)}") from None


def _statement(name: str, table: str, parts: Sequence[pg.Composable]) -> pg.Composed:
    return pg.SQL(sql.load(name)).format(table=pg.Identifier("public", table), parameters=pg.SQL(", ").join(parts))
