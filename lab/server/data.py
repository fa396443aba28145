"""What the lab writes into a database: the mark, the sample blog, its roles and their rights.

The same functions serve the embedded server and an attached one. Every statement is a file in ``lab/sql/server``.
The rows are computed, never random: two databases of the same size hold the same rows.
"""

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol, cast

import psycopg2
from psycopg2 import sql as pg
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import encrypt_password

from lab import sql
from lab.errors import BusyError, NotMarkedError, ServerError
from lab.server.binaries import NEWEST, OLDEST
from lab.server.values import Size

_LOCK_PATIENCE_S = 900.0  # loading the large size, on a slow disk


class _Cursor(Protocol):
    def execute(self, query: str, /) -> Any: ...
    def fetchone(self) -> Any: ...
    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Mark:
    """The one row of ``lab.mark``."""

    size: str
    users: int
    posts: int
    instance: str


@contextmanager
def connect(dsn: str, **parameters: Any) -> Iterator[Connection]:
    """Connect in autocommit, as *lab*, and close at the end.

    :raises ServerError: if the server refuses; one line, without the password.
    """
    try:
        conn = psycopg2.connect(dsn, **{"connect_timeout": 10, "application_name": "lab", **parameters})
    except psycopg2.Error as error:
        raise ServerError(f"cannot connect to PostgreSQL: {one_line(error)}") from None
    try:
        conn.autocommit = True
        yield conn
    finally:
        conn.close()


def refuse_version(conn: Connection, cure: str) -> None:
    """Refuse a server that the lab does not know.

    :raises ServerError: naming its version and the *cure*.
    """
    if not OLDEST <= conn.server_version // 10000 <= NEWEST:
        raise ServerError(
            f"the server on {conn.info.host} is PostgreSQL {conn.info.parameter_status('server_version')}; "
            f"the lab knows {OLDEST} to {NEWEST}: {cure}"
        )


def one_line(error: Exception) -> str:
    """Return an error of libpq or PostgreSQL in one line.

    >>> one_line(Exception("a\\n\\tb\\n"))
    'a b'
    """
    return " ".join(str(error).split())


def text(name: str) -> str:
    """Return the text of one of this stage's files."""
    return sql.load(f"server/{name}")


def run(conn: Connection, name: str, **values: Any) -> list[tuple[Any, ...]]:
    """Run the file ``server/name`` with *values* put in as identifiers (:func:`role`) or literals; return its rows."""
    parts = {key: value if isinstance(value, pg.Composable) else pg.Literal(value) for key, value in values.items()}
    with conn.cursor() as cursor:
        cursor.execute(pg.SQL(text(name)).format(**parts) if parts else text(name))
        return list(cursor.fetchall()) if cursor.description else []


def role(name: str) -> pg.Identifier:
    """Return a name as an SQL identifier."""
    return pg.Identifier(name)


@contextmanager
def transaction(conn: Connection) -> Iterator[None]:
    """All or nothing, on a connection that otherwise is in autocommit."""
    conn.autocommit = False
    try:
        yield
        conn.commit()
    except BaseException:
        if not conn.closed:
            conn.rollback()
        raise
    finally:
        if not conn.closed:
            conn.autocommit = True


def read_mark(conn: Any) -> Mark | None:
    """Return the mark of the database that *conn* is connected to; None if it is not the lab's.

    :param conn: a connection of psycopg2 or SQLAlchemy; no transaction of it is broken.
    """
    cursor = cast(_Cursor, getattr(conn, "connection", conn).cursor())
    try:
        cursor.execute(text("has_mark"))
        if not cursor.fetchone()[0]:
            return None
        cursor.execute(text("read_mark"))
        row = cursor.fetchone()
        return Mark(*row) if row else None
    finally:
        cursor.close()


def guard(conn: Any) -> None:
    """Let nothing be written to a database that is not the lab's own; call it before every write.

    :param conn: a connection of psycopg2 or SQLAlchemy.
    :raises NotMarkedError: if the database does not carry the lab's mark.
    """
    if read_mark(conn) is None:
        raw = getattr(conn, "connection", conn)
        info = raw.info if hasattr(raw, "info") and hasattr(raw.info, "dbname") else raw.driver_connection.info
        raise NotMarkedError(not_marked(info.dbname, info.host))


def not_marked(database: str, host: str) -> str:
    """Say that a database is not the lab's."""
    return (
        f"database {database} on {host} is not marked as the lab's own; nothing was written; "
        "run `lab adopt` if it is empty and meant for the lab"
    )


def set_password(conn: Connection, name: str, password: str) -> None:
    """Make a role that can log in, or give it a new password; the password leaves this process as a verifier only."""
    verifier = encrypt_password(password, name, scope=conn, algorithm="scram-sha-256")
    known = run(conn, "role_exists", role=name)[0][0]
    run(conn, "set_password" if known else "create_role", role=role(name), verifier=verifier)


def hide_from_statements(conn: Connection) -> None:
    """Keep this session's verifiers out of pg_stat_statements, where this role may."""
    with contextlib.suppress(psycopg2.Error):
        run(conn, "hide_from_statements")


def make_blog(conn: Connection, size: Size, instance: str) -> None:
    """Make tables, rows and mark, all or nothing."""
    with transaction(conn):
        _make_tables(conn, size)
        write_mark(conn, size, instance)
    _vacuum(conn)


def begin_blog(conn: Connection, size: Size) -> None:
    """Make tables and rows, all or nothing, and no mark: more is to follow before the database is whole."""
    with transaction(conn):
        if is_begun(conn):
            # the rows that are there may be of another size
            run(conn, "empty")
            run(conn, "load", **_numbers(size))
        else:
            _make_tables(conn, size)
    _vacuum(conn)


def write_mark(conn: Connection, size: Size, instance: str) -> None:
    """Mark the database as the lab's own, and as whole."""
    run(conn, "write_mark", size=size.name, users=size.users, posts=size.posts, instance=instance)


def is_begun(conn: Connection) -> bool:
    """Whether the lab began to make this database and did not come to the mark."""
    return bool(run(conn, "has_mark")[0][0] and run(conn, "unwritten_mark")[0][0])


def _make_tables(conn: Connection, size: Size) -> None:
    run(conn, "schema")
    run(conn, "load", **_numbers(size))
    run(conn, "constraints")
    run(conn, "mark_table")


def refill_blog(conn: Connection, size: Size) -> None:
    """Bring the tables back to their first rows, all or nothing.

    :raises NotMarkedError: if the database is not the lab's.
    """
    guard(conn)
    with transaction(conn):
        run(conn, "empty")
        run(conn, "load", **_numbers(size))
        run(conn, "update_mark", size=size.name, users=size.users, posts=size.posts)
    _vacuum(conn)


def _vacuum(conn: Connection) -> None:
    """Leave nothing over for autovacuum: neither rows, nor counts that would arrive after the VACUUM."""
    run(conn, "report_counts")
    run(conn, "vacuum")


def _numbers(size: Size) -> Mapping[str, int]:
    return {"users": size.users, "posts": size.posts, "comments": size.comments, "tags": size.tags}


def lock(conn: Connection, waits: Callable[[], None] = lambda: None, patience_s: float = _LOCK_PATIENCE_S) -> None:
    """Be the only one who makes or changes the lab's things in this database, until *conn* ends.

    Asked for again and again: who waits in the server for it would hold back the VACUUM of the one who has it.

    :param waits: called once if somebody else has it.
    :raises BusyError: if somebody else keeps it for too long.
    """
    deadline, told = time.monotonic() + patience_s, False
    while not run(conn, "lock")[0][0]:
        if time.monotonic() > deadline:
            raise BusyError(
                f"another lab command has been at work on {conn.info.host} for over {patience_s:.0f} s; "
                "wait for it, or end it"
            )
        if not told:
            told = True
            waits()
        time.sleep(0.1)


def make_proc_functions(conn: Connection, observer: str) -> None:
    """Make the functions through which the server reads its own /proc, for the observer alone."""
    for name in ("proc_schema", "read_proc", "backend_memory", "server_usage"):
        run(conn, name)
    run(conn, "grant_observer_proc", observer=role(observer))


def grant_observer(conn: Connection, observer: str) -> None:
    """Give the observer all statistics, and a slot that the application cannot take."""
    run(conn, "grant_observer", observer=role(observer))
    file = "reserve_slot" if conn.server_version >= 160000 else "reserve_superuser_slot"
    run(conn, file, observer=role(observer))
    run(conn, "quiet_observer", observer=role(observer))


def make_extension(conn: Connection, name: str) -> bool:
    """Make an extension if the server has it and this role may; return whether it is there."""
    if not run(conn, "available_extensions", names=[name]):
        return False
    try:
        run(conn, "create_extension", extension=role(name))
    except psycopg2.Error:
        return False
    return True
