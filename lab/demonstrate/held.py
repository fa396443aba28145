"""What autovacuum does beside an idle transaction: it comes, and comes again, and may remove nothing.

Each kind of idle transaction has a database of its own, because the horizon of one is none of another's, and so all can
be watched at the same time. In each of them the same number of rows dies while the transaction is idle. Then
autovacuum's runs are counted, and the rows that it left; at last the transaction ends.

The kinds are those of :mod:`lab.demonstrate.horizon`; who holds a database's horizon is asked of the server, as
``lab autovacuum`` asks it.
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import psycopg2
from psycopg2.extensions import ISOLATION_LEVEL_READ_COMMITTED, ISOLATION_LEVEL_REPEATABLE_READ
from psycopg2.extensions import connection as Connection

from lab import sql
from lab.demonstrate.bench import Bench
from lab.demonstrate.ground import DATABASE, PATIENCE_S, Ground, named, run
from lab.demonstrate.horizon import HOLDERS, PREPARED, Holder
from lab.errors import BusyError
from lab.observe.autovacuum import look
from lab.observe.connection import connected
from lab.process import wait_until

ROWS = 1000


@dataclass(frozen=True, slots=True)
class Held:
    """What came of *dead* rows beside one idle transaction. *runs*: how often autovacuum was there meanwhile.

    *named* is who the server said to hold the horizon of this database, empty if nobody.
    """

    holder: str
    dead: int
    left: int
    runs: int
    named: str
    left_after: int  # after the transaction had ended

    @property
    def blocked(self) -> bool:
        """Whether any row stayed."""
        return self.left > 0


def held(
    bench: Bench,
    ground: Ground,
    holders: Sequence[Holder] = (*HOLDERS, PREPARED),
    ask_in: str = "",
    ends: bool = True,
) -> tuple[Held, ...]:
    """Let rows die beside each of *holders*, and autovacuum run, until it has removed them or left them several times.

    :param ask_in: the database in which is asked who holds the horizon; by default each in its own.
    :param ends: whether the transactions end before the rows are counted for the last time.
    :raises BusyError: if autovacuum does not come within a minute.
    """
    ground.say(f"{len(holders)} databases, with an idle transaction in each")
    with ExitStack() as stack:
        scenes = [_Scene(ground, number, holder, stack) for number, holder in enumerate(holders)]
        enough = bench.scaled(ci=2, workshop=4)
        for scene in scenes:
            scene.kill()
        _until(lambda: all(scene.settled(enough) for scene in scenes), "autovacuum has not come")
        seen = [(scene.left, scene.runs, scene.named(ask_in)) for scene in scenes]
        if ends:
            ground.say("the transactions end now, and autovacuum goes on")
            for scene in scenes:
                scene.release()
            _until(lambda: all(scene.looked()[0] == 0 for scene in scenes), "autovacuum has not removed the rows")
        return tuple(
            Held(scene.holder.name, ROWS, left, runs, who, scene.left)
            for scene, (left, runs, who) in zip(scenes, seen, strict=True)
        )


def _until(ready: Callable[[], bool], what: str) -> None:
    # seldom: a look is a snapshot, and holds the horizon itself for a moment
    if not wait_until(ready, PATIENCE_S, every_s=0.25):
        raise BusyError(f"{what} within {PATIENCE_S:g} s; try again when the machine is less busy")


class _Scene:
    """One database with its idle transaction."""

    def __init__(self, ground: Ground, number: int, holder: Holder, stack: ExitStack) -> None:
        self.holder, self._ground = holder, ground
        self.left = self.runs = 0
        self._name = f"held_{number}"
        with ground.session() as session:
            run(session, "database", database=named(self._name))
        with ground.session(self._name) as session:
            run(session, "held_table", rows=ROWS)
        self._reader = stack.enter_context(connected(ground.server.dsn(database=self._name)))
        self._hold(stack)

    def _hold(self, stack: ExitStack) -> None:
        where = self._ground.server.dsn(database=DATABASE if self.holder.database else self._name)
        self._session: Connection | None = psycopg2.connect(where)
        stack.callback(self._session.close)
        level = ISOLATION_LEVEL_REPEATABLE_READ if self.holder.repeatable else ISOLATION_LEVEL_READ_COMMITTED
        self._session.set_session(isolation_level=level)
        with self._session.cursor() as cursor:
            cursor.execute(sql.load(self.holder.do))
            if self.holder == PREPARED:
                cursor.execute(sql.load("lesson/horizon_prepare"))
        if self.holder == PREPARED:
            self._session.close()

    def kill(self) -> None:
        """Let every row die once."""
        with self._ground.session(self._name) as session:
            run(session, "held_update")

    def looked(self) -> tuple[int, int]:
        """Return the dead rows, and how often autovacuum was here."""
        rows = {row[0]: row for row in run(self._reader, "counters")}
        self.left, self.runs = rows["held"][1], rows["held"][5]
        return self.left, self.runs

    def settled(self, enough: int) -> bool:
        """Whether autovacuum has removed the rows, or has been here *enough* times without."""
        left, runs = self.looked()
        return runs >= (1 if left == 0 else enough)

    def named(self, database: str = "") -> str:
        """Return who holds the horizon of this database, or of another; empty if nobody does."""
        with connected(self._ground.server.dsn(database=database or self._name)) as seer:
            found = look(seer)
        return next((one.named for one in found.holders.of(found.database)), "")

    def release(self) -> None:
        """End the transaction."""
        if self.holder == PREPARED:
            with self._ground.session(self._name) as session, session.cursor() as cursor:
                cursor.execute(sql.load("lesson/horizon_forget"))
        else:
            assert self._session is not None
            self._session.close()
