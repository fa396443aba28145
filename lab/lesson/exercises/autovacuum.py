"""Exercises of 08_autovacuum."""

from types import EllipsisType

import psycopg2
from psycopg2 import sql as pg

from lab import sql
from lab.analyse.autovacuum import DEAD, effective, vacuum_triggers
from lab.demonstrate.ground import Ground, named, run
from lab.errors import UsageError
from lab.observe.autovacuum import look
from lab.observe.connection import connected
from lab.record.autovacuum import Look, Rules

TABLE, ROWS, MOST, LEAST = "visits_log", 20_000, 500, 200


def prepare(ground: Ground) -> None:
    """Make the exercise's table, and say what holds for it; it may be called again."""
    if TABLE not in ground.counters():
        _make(ground)
    print(f"{TABLE} is ready: it has the server's settings and none of its own")  # noqa: T201


def alter(ground: Ground, settings: str | EllipsisType) -> None:
    """Set the table's own settings, as they stand in ``ALTER TABLE ... SET (...)``; ``...`` is none yet."""
    if isinstance(settings, EllipsisType):
        print("not yet: write the settings in place of the dots")  # noqa: T201
        return
    try:
        with ground.session() as session, session.cursor() as cursor:
            cursor.execute(pg.SQL(sql.load("churn/settings")).format(table=named(TABLE), settings=pg.SQL(settings)))
    except psycopg2.Error as error:
        raise UsageError(f"the server refuses these settings: {str(error).splitlines()[0]}") from None
    print(f"{TABLE} has settings of its own")  # noqa: T201


def _make(ground: Ground) -> None:
    with ground.session() as session:
        run(session, "sessions_table", table=named(TABLE), rows=ROWS)
    with ground.session() as session:
        run(session, "vacuum_analyze", table=named(TABLE))


def comes_in_time(ground: object) -> tuple[bool, str]:
    """Does autovacuum come to the table after a few hundred dead rows, and to all others as before?"""
    if not isinstance(ground, Ground):
        return False, "there is no server to look at; give the one that this lesson borrowed"
    if TABLE not in ground.counters():
        return False, "the table is not there; run the cell that makes it"
    with connected(ground.dsn) as seer:
        looked = look(seer)
    problem = judged(looked)
    if problem:
        return False, problem
    before = ground.counters()[TABLE]
    with ground.session() as session:
        run(session, "log_out_oldest", table=named(TABLE), count=max(MOST + 1 - before.dead, 1))
    ground.visit()
    if ground.counters()[TABLE].vacuums == before.vacuums:
        return False, "rows died, autovacuum looked, and did not vacuum the table"
    return True, "the rows died, and autovacuum came at its next look; other tables are treated as before"


def judged(looked: Look) -> str:
    """Say what is wrong with the settings; nothing if they are as asked for."""
    table = looked.named(TABLE)
    assert table is not None
    if _plain(looked.rules) != _plain(Rules(vacuum_max_threshold=looked.rules.vacuum_max_threshold)):
        return "the settings of the server have changed, and with them those of every table; set the table's alone"
    if not effective(table, looked).enabled:
        return "autovacuum is switched off for the table"
    first = next(one.first for one in vacuum_triggers(table, looked) if one.reason == DEAD)
    if first > MOST + 1:
        return "autovacuum would come too late; lower the table's own scale factor or threshold"
    if first < LEAST:
        return "autovacuum would come all the time; a few hundred dead rows are not many for this table"
    return ""


def _plain(rules: Rules) -> tuple[object, ...]:
    return (rules.vacuum_threshold, rules.vacuum_scale_factor, rules.vacuum_max_threshold, rules.enabled)


CHECKS = {"comes_in_time": comes_in_time}
