"""The one way to a server that is looked at: a connection in autocommit, read-only unless something is to be signalled.

Inside a transaction the server repeats its first answer, so each question has one of its own. Times come in UTC. A
server that lets nobody in for ten seconds, takes longer for an answer than its reader waits, or keeps a question
waiting for a lock for two, is reported; and what the lab asks is kept out of the server's slow log and statement
statistics, where the role may do that.

No DSN may carry a password: the command line and the environment of a process are not alike in who may read them.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import psycopg2
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import parse_dsn

from lab import sql
from lab.errors import ObserverError
from lab.observe.session import APPLICATION, check_dsn, one_line

_CONNECT_S = 10
_OPTIONS = (
    "-c jit=off -c lock_timeout=2000 -c idle_in_transaction_session_timeout=60000 -c timezone=UTC"
    " -c statement_timeout={timeout_ms} -c default_transaction_read_only={read_only}"
)


class Counted(Connection):
    """A connection that counts the transactions that were its own, so that a reader can leave them out."""

    transactions = 0


@contextmanager
def connected(
    dsn: str,
    application: str = APPLICATION,
    read_only: bool = True,
    timeout_s: float = 30.0,
    factory: type[Connection] | None = None,
) -> Iterator[Connection]:
    """Lend a connection to the server of *dsn*.

    :param application: what the session is called there.
    :param read_only: False for what is to change something.
    :param timeout_s: how long one question may take; 0: as long as it takes.
    :raises ObserverError: if *dsn* is none or carries a password, the server cannot be reached, or does not answer.
    """
    check_dsn(dsn)
    given = parse_dsn(dsn)
    ours = _OPTIONS.format(timeout_ms=round(timeout_s * 1000), read_only="on" if read_only else "off")
    try:
        connection = psycopg2.connect(
            dsn,
            connection_factory=factory,
            application_name=application,
            options=f"{given.get('options', '')} {ours}".strip(),
            connect_timeout=given.get("connect_timeout", _CONNECT_S),
        )
    except psycopg2.Error as error:
        raise ObserverError(f"the server cannot be reached: {one_line(error)}") from None
    try:
        connection.autocommit = True
        ask(connection, "observe/quiet")
        yield connection
    except psycopg2.Error as error:
        raise ObserverError(f"the server did not answer: {one_line(error)}") from None
    finally:
        connection.close()


def asked(connection: Connection, text: str, parameters: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
    """Return the rows of one question, each with its columns' names; none where the question has no answer.

    :raises psycopg2.Error: if the server does not answer it.
    """
    with connection.cursor() as cursor:
        cursor.execute(text, parameters or None)
        if cursor.description is None:
            return []
        names = [column.name for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def catalog_columns(connection: Connection, *names: str) -> dict[str, list[str]]:
    """Return the columns that views or catalogs of PostgreSQL's own have on this server, by their names.

    :raises psycopg2.Error: if the server does not answer.
    """
    rows = asked(connection, sql.load("observe/catalog_columns"), {"names": list(names)})
    return {row["name"]: row["columns"] for row in rows}


def ask(
    connection: Connection, question: str, parts: Mapping[str, str] | None = None, **parameters: Any
) -> list[dict[str, Any]]:
    """Return a question's rows, in a transaction of its own: inside one the server repeats its first answer.

    :param question: its name under ``lab/sql``.
    :param parts: names of columns and views for the places in the question's text; without any it is asked as it is.
        ``{locked}`` is there for each: the question for what must not be touched.
    :raises ObserverError: if the server does not answer it.
    """
    text = sql.load(question)
    if parts:
        text = text.format(locked=sql.load("observe/locked"), **parts)
    try:
        rows = asked(connection, text, parameters)
        if not connection.autocommit:
            connection.commit()
    except psycopg2.Error as error:
        if not connection.closed and not connection.autocommit:
            connection.rollback()
        raise ObserverError(f"{question} cannot be asked: {one_line(error)}") from None
    if isinstance(connection, Counted):
        connection.transactions += 1
    return rows
