"""Which idle transactions keep VACUUM from removing dead rows, and how each of them can be seen.

VACUUM removes a dead row once no transaction of the database may still need it. A transaction counts as long as it has
a number (it has written) or a snapshot (it may read again what it saw). READ COMMITTED takes a snapshot for each
statement and lets it go at its end, so between statements it holds none.

Source: PostgreSQL's ``procarray.c`` (``ComputeXidHorizons``).
"""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import psycopg2
from psycopg2.extensions import ISOLATION_LEVEL_READ_COMMITTED, ISOLATION_LEVEL_REPEATABLE_READ, make_dsn

from lab import sql
from lab.analyse.vacuum_log import not_removable
from lab.demonstrate.bench import NAME, Bench, Reader
from lab.errors import BusyError
from lab.process import wait_until

ROWS = 1000


@dataclass(frozen=True, slots=True)
class Holder:
    """A transaction that is left open and idle. *do* is what it ran; *repeatable*: under REPEATABLE READ."""

    name: str
    do: str
    repeatable: bool = False
    database: str = ""  # another than the lab's


@dataclass(frozen=True, slots=True)
class Blocked:
    """How many of *dead* rows VACUUM had to leave while the holder was idle, and what pg_stat_activity shows of it."""

    holder: str
    dead: int
    not_removable: int
    state: str
    has_xid: bool
    has_xmin: bool


HOLDERS = (
    Holder("READ COMMITTED, has read", "lesson/horizon_read"),
    Holder("READ COMMITTED, has written", "lesson/touch"),
    Holder("READ COMMITTED, open cursor", "lesson/horizon_cursor"),
    Holder("REPEATABLE READ, has read", "lesson/horizon_read", repeatable=True),
    Holder("REPEATABLE READ, in another database", "lesson/backend_pid", repeatable=True, database="postgres"),
)
PREPARED = Holder("prepared transaction, has written", "lesson/touch")


def blocked(bench: Bench, holders: Sequence[Holder] = HOLDERS, prepared: bool | None = None) -> tuple[Blocked, ...]:
    """Have every row of a scratch table die while each holder is idle in its transaction, and VACUUM.

    :param prepared: add a prepared transaction, where the server allows any (``max_prepared_transactions``); by default
        if *holders* has all of ``HOLDERS``.
    :raises BusyError: if the same demonstration is at work on this database for 30 s.
    """
    wanted = set(HOLDERS) <= set(holders) if prepared is None else prepared
    with bench.reader() as reader:
        # asked again and again: who waits for a lock holds a snapshot, and so the horizon of the other
        if not wait_until(lambda: bool(reader.value("lesson/horizon_alone")), timeout_s=30, every_s=0.2):
            raise BusyError("the same demonstration has been at work on this database for 30 s; try again after it")
        if reader.value("lesson/horizon_left"):
            reader.rows("lesson/horizon_forget")
        try:
            found = [_idle(bench, reader, holder) for holder in holders]
            if wanted and reader.value("lesson/prepared_allowed"):
                found.append(_prepared(bench, reader))
        finally:
            reader.rows("lesson/horizon_drop")
    return tuple(found)


def _idle(bench: Bench, reader: Reader, holder: Holder) -> Blocked:
    # the owner reaches every database of its server
    dsn = make_dsn(bench.where.owner_dsn, **({"dbname": holder.database} if holder.database else {}))
    with closing(psycopg2.connect(dsn, application_name=NAME)) as connection:
        level = ISOLATION_LEVEL_REPEATABLE_READ if holder.repeatable else ISOLATION_LEVEL_READ_COMMITTED
        connection.set_session(isolation_level=level)
        reader.rows("lesson/horizon_table", rows=ROWS)
        _run(connection, holder.do)
        left = _left_by_vacuum(reader)
        state, has_xid, has_xmin = reader.rows("lesson/horizon_seen", pid=connection.info.backend_pid)[0]
        connection.rollback()
    return Blocked(holder.name, ROWS, left, state, has_xid, has_xmin)


def _prepared(bench: Bench, reader: Reader) -> Blocked:
    """Prepare a transaction and end its session: nothing of it is in pg_stat_activity."""
    reader.rows("lesson/horizon_table", rows=ROWS)
    with closing(psycopg2.connect(bench.where.owner_dsn, application_name=NAME)) as connection:
        _run(connection, PREPARED.do)
        _run(connection, "lesson/horizon_prepare")
    try:
        left = _left_by_vacuum(reader)
    finally:
        reader.rows("lesson/horizon_forget")
    return Blocked(PREPARED.name, ROWS, left, "no session", False, False)


def _run(connection: Any, name: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql.load(name))


def _left_by_vacuum(reader: Reader) -> int:
    """Let every row die once and vacuum; again if some stay, since somebody else may be looking."""
    reader.rows("lesson/horizon_update")
    found: list[int] = []

    def vacuum() -> bool:
        del reader.connection.notices[:]
        reader.rows("lesson/horizon_vacuum")
        found.append(not_removable("\n".join(reader.connection.notices)))
        return found[-1] == 0

    wait_until(vacuum, timeout_s=0.3, every_s=0.1)
    return found[-1]
