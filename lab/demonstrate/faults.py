"""Connections that the server ends: while they wait in the pool, and while they are in use. Counts of failed requests.

A request here is a checkout and one short statement. The first failure that SQLAlchemy knows as a lost connection
makes the whole pool anew, so a pool of any size fails once for connections that were lost while idle.

Source: ``sqlalchemy/engine/base.py``, ``_handle_dbapi_exception``.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, NullPool, QueuePool, text
from sqlalchemy.exc import DBAPIError

from lab import sql
from lab.demonstrate.bench import Bench
from lab.demonstrate.filling import backend_of, backends, checked_out
from lab.errors import ServerError
from lab.process import wait_until


@dataclass(frozen=True, slots=True)
class Survived:
    """Requests after their backends were ended."""

    ended: int  # backends
    requests: int
    failed: int


def ended_idle(bench: Bench, pre_ping: bool, size: int = 5, requests: int = 20) -> Survived:
    """Fill a pool, end its backends while all are idle, then ask *requests* times, one after the other."""
    with bench.engine(QueuePool, pool_size=size, max_overflow=0, pool_pre_ping=pre_ping) as engine:
        with checked_out(engine, size) as held:
            pids = [backend_of(connection) for connection in held]
        end(bench, pids)
        return Survived(len(pids), requests, sum(not _asked(engine) for _ in range(requests)))


def ended_in_use(bench: Bench, pre_ping: bool, size: int = 5, ended: int | None = None) -> Survived:
    """Check out *size* connections, end the backends of all or of *ended*, then run a statement over each."""
    with (
        bench.engine(QueuePool, pool_size=size, max_overflow=0, pool_pre_ping=pre_ping) as engine,
        checked_out(engine, size) as held,
    ):
        pids = [backend_of(connection) for connection in held][:ended]
        end(bench, pids)
        failed = sum(not _answered(connection) for connection in held)
        return Survived(len(pids), size, failed)


def end(bench: Bench, pids: Iterable[int]) -> None:
    """End these backends as the app's own role, and return when they are gone.

    :raises ServerError: if one is still there after 5 s.
    """
    wanted = list(pids)
    admin = {"application_name": "lab-admin-lesson"}
    with bench.engine(NullPool, connect_args=admin) as engine, engine.connect() as connection:
        connection.execute(text(sql.load("lesson/terminate_backends")), {"pids": wanted})
    with bench.reader() as reader:
        if not wait_until(lambda: not set(wanted) & set(backends(reader)), timeout_s=5.0):
            raise ServerError("backends that were told to end were still there after 5 s; try again")


def _asked(engine: Engine) -> bool:
    with engine.connect() as connection:
        return _answered(connection)


def _answered(connection: Connection) -> bool:
    try:
        connection.execute(text(sql.load("lesson/backend_pid")))
    except DBAPIError:
        return False
    return True
