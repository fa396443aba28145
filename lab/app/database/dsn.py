"""What the app's DSN says, read for each driver; and whether the database behind it is the lab's own.

The DSN names a passfile and holds no password. psycopg2 and psycopg hand it to libpq, which reads that file; asyncpg
reads the file by itself, and does not know all of libpq's other words.
"""

import re
from contextlib import closing
from typing import Any

import psycopg2
from psycopg2.extensions import parse_dsn

from lab import sql
from lab.errors import AppError, NotMarkedError, SettingError

_NO_MARK = (psycopg2.errors.UndefinedTable, psycopg2.errors.InvalidSchemaName, psycopg2.errors.InsufficientPrivilege)
_ASYNCPG = {  # libpq's word -> asyncpg's
    "host": "host",
    "port": "port",
    "user": "user",
    "password": "password",
    "dbname": "database",
    "passfile": "passfile",
    "sslmode": "ssl",
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


def asyncpg_parameters(dsn: str) -> dict[str, Any]:
    """Return what a DSN says in the words of ``asyncpg.connect``.

    :raises SettingError: if it cannot be read, or says what asyncpg does not know.

    >>> asyncpg_parameters("postgresql://me@h:5433/lab?passfile=/p") == {
    ...     "user": "me", "host": "h", "port": 5433, "database": "lab", "passfile": "/p"}
    True
    """
    known = parameters(dsn)
    foreign = sorted(set(known) - set(_ASYNCPG))
    if foreign:
        raise SettingError(f"asyncpg does not know {', '.join(foreign)} of LAB_APP_DSN; use async:driver=psycopg")
    named = {_ASYNCPG[word]: value for word, value in known.items()}
    return named | ({"port": int(named["port"])} if "port" in named else {})


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
