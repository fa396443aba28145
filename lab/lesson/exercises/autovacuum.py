"""Exercises of 08_autovacuum."""

from lab.analyse.autovacuum import DEAD, effective, vacuum_triggers
from lab.demonstrate.ground import Ground, named, run
from lab.observe.autovacuum import connected, look
from lab.record.autovacuum import Look, Rules

TABLE, ROWS, MOST, LEAST = "visits_log", 20_000, 500, 200


def prepare(ground: Ground) -> None:
    """Make the exercise's table, if it is not there; it may be called again."""
    if TABLE in ground.counters():
        return
    with ground.session() as session:
        run(session, "sessions_table", table=named(TABLE), rows=ROWS)
    with ground.session() as session:
        run(session, "vacuum_analyze", table=named(TABLE))


def comes_in_time(ground: object) -> tuple[bool, str]:
    """Does autovacuum come to the table after a few hundred dead rows, and to all others as before?"""
    if not isinstance(ground, Ground):
        return False, "there is no server to look at; give the one that this lesson borrowed"
    prepare(ground)
    with connected(ground.dsn) as seer:
        looked = look(seer)
    problem = _judged(looked)
    if problem:
        return False, problem
    before = ground.counters()[TABLE]
    with ground.session() as session:
        run(session, "log_out_oldest", table=named(TABLE), count=max(MOST + 1 - before.dead, 1))
    ground.visit()
    if ground.counters()[TABLE].vacuums == before.vacuums:
        return False, "rows died, autovacuum looked, and did not vacuum the table"
    return True, "the rows died, and autovacuum came at its next look; other tables are treated as before"


def _judged(looked: Look) -> str:
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
