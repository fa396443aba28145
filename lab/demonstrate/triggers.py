"""When autovacuum comes: at which count, and at which moment, predicted and then seen.

*Counts*: each table is brought to the last count at which autovacuum should stay away, which is let look twice; then
one row more. *Moments*: rows of other tables die at a steady rate; half-way to the threshold the moment is predicted,
from what the counters showed so far, and later held against what the server says of its last run.

The predictions are :mod:`lab.analyse.autovacuum_prediction`'s, from nothing but what any server shows.
"""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from psycopg2 import sql as pg
from psycopg2.extensions import connection as Connection

from lab.analyse.autovacuum import CHANGES, DEAD, INSERTS, Trigger, analyze_triggers, vacuum_triggers
from lab.analyse.autovacuum_prediction import predict
from lab.demonstrate.bench import Bench
from lab.demonstrate.ground import PATIENCE_S, Ground, named, run
from lab.demonstrate.together import together
from lab.errors import BusyError
from lab.observe.autovacuum import look
from lab.observe.connection import connected
from lab.record.autovacuum import LATER, VACUUM, Look, Prediction, Table

NO_ANALYZE = {"autovacuum_analyze_threshold": "2000000000"}
NO_INSERTS = {"autovacuum_vacuum_insert_threshold": "-1"}
NO_VACUUM = {"autovacuum_vacuum_threshold": "2000000000", **NO_INSERTS}
SCALE, MOST = "autovacuum_vacuum_scale_factor", "autovacuum_vacuum_max_threshold"
FLUSH_S = 0.5  # the writer hands in its counters many times a second, or twice (13 and 14)
_TICK_S, _LOOK_S = 0.05, 0.2


@dataclass(frozen=True, slots=True)
class Case:
    """One table and what is to make autovacuum come. *options*: its own settings, with what else would bring it off."""

    name: str
    table: str
    reason: str
    options: Mapping[str, str] = field(hash=False)
    rows: int = 1000
    before: str = "vacuum_analyze"  # what was done to it after it was filled; empty: nothing


ONLY_DEAD = {**NO_ANALYZE, **NO_INSERTS}
NEVER_ANALYZED = Case("dead rows, never analyzed", "came_unknown", DEAD, ONLY_DEAD, before="")
CASES = (
    Case("dead rows", "came_dead", DEAD, ONLY_DEAD),
    Case("dead rows, scale factor 0.05", "came_dead_05", DEAD, {**ONLY_DEAD, SCALE: "0.05"}),
    NEVER_ANALYZED,
    Case("dead rows, maximum threshold 100", "came_most", DEAD, {**ONLY_DEAD, MOST: "100"}),
    Case("inserts", "came_inserts", INSERTS, NO_ANALYZE),
    Case("inserts, all pages frozen", "came_frozen", INSERTS, NO_ANALYZE, rows=5000, before="vacuum_freeze"),
    Case("changes, for ANALYZE", "came_changes", CHANGES, NO_VACUUM),
)


@dataclass(frozen=True, slots=True)
class Step:
    """A table at one count: whether a run was predicted, and how many were seen."""

    count: int
    predicted: bool
    runs: int

    @property
    def right(self) -> bool:
        """Whether the prediction came true."""
        return self.predicted == (self.runs > 0)


@dataclass(frozen=True, slots=True)
class Came:
    """What was predicted and seen of one table. *reltuples*: the rows that the server believed it to have."""

    case: Case
    reltuples: float
    threshold: float
    at: Step
    over: Step


@dataclass(slots=True)
class Climb:
    """A table whose rows die at a steady rate. Times are s since the first look, by the server's clock."""

    table: str
    rows: int
    rate_per_s: float
    points: list[tuple[float, int]] = field(default_factory=list)  # dead rows as they were counted
    first: int = 0  # the count at which it is due
    predicted_at_s: float | None = None
    earliest_s: float | None = None
    latest_s: float | None = None
    came_s: float | None = None
    died: int = 0  # when autovacuum was first seen to have come

    @property
    def default_threshold(self) -> int:
        """The threshold by the default settings: it takes one row more."""
        return 50 + self.rows // 5

    @property
    def outside_s(self) -> float:
        """How far the run was outside of the predicted interval, 0 inside; infinite if one of them is not there."""
        if self.came_s is None or self.earliest_s is None or self.latest_s is None:
            return math.inf
        return max(self.earliest_s - self.came_s, self.came_s - self.latest_s, 0.0)


def watched(bench: Bench, ground: Ground) -> tuple[tuple[Came, ...], tuple[Climb, ...]]:
    """Make both experiments at the same time: :func:`came` and :func:`climbed`."""
    counts: list[Came] = []
    moments: list[Climb] = []
    together(
        [
            lambda: counts.extend(came(ground)),
            lambda: moments.extend(climbed(bench, ground)),
        ]
    )
    return tuple(counts), tuple(moments)


def came(
    ground: Ground, cases: Sequence[Case] = CASES, at: int = 0, more: int = 1, unseen: int = 0
) -> tuple[Came, ...]:
    """Bring every table to its last harmless count, let autovacuum look, and add one row.

    :param at: rows beyond the last harmless count.
    :param more: rows to add then.
    :param unseen: rows of each step that the prediction does not hear of.

    A case whose setting this server does not have is left out.
    """
    with connected(ground.dsn) as seer:
        if look(seer).rules.vacuum_max_threshold is None:
            cases = [case for case in cases if MOST not in case.options]
        ground.say(f"{len(cases)} tables at their thresholds, and one row beyond")
        _make(ground, cases)
        before = look(seer)
        counts = {case: _trigger(before, case).first - 1 + at - _trigger(before, case).count for case in cases}
        _act(ground, counts)
        ground.visit(2)
        between = look(seer)
        _act(ground, dict.fromkeys(cases, more))
        ground.visit()
        after = look(seer)
    return tuple(
        Came(
            case,
            _table(before, case).reltuples,
            _trigger(before, case).threshold,
            _step(before, between, case, counts[case], unseen),
            _step(between, after, case, more, unseen),
        )
        for case in cases
    )


def _make(ground: Ground, cases: Sequence[Case]) -> None:
    with ground.session() as session:
        for case in cases:
            run(session, "sessions_table", table=named(case.table), rows=case.rows)
            for option, value in case.options.items():
                run(session, "options", table=named(case.table), option=pg.SQL(option), value=pg.SQL(value))
    with ground.session() as session:
        for case in cases:
            if case.before:
                run(session, case.before, table=named(case.table))
    ground.settle()


def _act(ground: Ground, counts: Mapping[Case, int]) -> None:
    with ground.session() as session:
        for case, count in counts.items():
            if count:
                run(
                    session,
                    "log_in" if case.reason == INSERTS else "log_out_oldest",
                    table=named(case.table),
                    count=count,
                )
    ground.settle()


def _step(looked: Look, later: Look, case: Case, acted: int, unseen: int) -> Step:
    """Compare two looks, between which *acted* rows died: a look just after that could be later than autovacuum."""
    trigger = _trigger(looked, case)
    count = trigger.count + acted
    runs = _runs(_table(later, case), case) - _runs(_table(looked, case), case)
    return Step(count, count - unseen >= trigger.first, runs)


def _runs(table: Table, case: Case) -> int:
    return table.autoanalyzes if case.reason == CHANGES else table.autovacuums


def _trigger(looked: Look, case: Case) -> Trigger:
    table = _table(looked, case)
    triggers = (*vacuum_triggers(table, looked), *analyze_triggers(table, looked))
    return next(one for one in triggers if one.reason == case.reason)


def _table(looked: Look, case: Case) -> Table:
    found = looked.named(case.table)
    assert found is not None, case.table
    return found


def climbed(
    bench: Bench, ground: Ground, then: float = 1.0, options: Mapping[str, str] | None = None
) -> tuple[Climb, ...]:
    """Let rows of three tables die at steady rates until autovacuum has come to each.

    :param then: what the rates are multiplied by, once the moment has been predicted.
    :param options: settings of these tables' own; by default they have the server's.
    :raises BusyError: if it has not come within a minute.
    """
    rows, rates = bench.scaled(ci=(2000, (300.0, 200.0, 150.0)), workshop=(10_000, (400.0, 250.0, 175.0)))
    climbs = [Climb(f"climb_{number}", rows, rate) for number, rate in enumerate(rates, 1)]
    _make(ground, [Case("", one.table, DEAD, {**ONLY_DEAD, **(options or {})}, rows) for one in climbs])
    with ground.session() as writer, connected(ground.dsn) as seer:
        _climb(_Writer(writer, climbs, not ground.value("collected")), seer, climbs, then)
    return tuple(climbs)


class _Writer:
    """Lets rows die as the clock says, whatever the machine does meanwhile."""

    def __init__(self, connection: Connection, climbs: Sequence[Climb], hands_in: bool) -> None:
        self._connection, self._hands_in = connection, hands_in
        self._owed = {one.table: 0.0 for one in climbs}
        self._at = time.monotonic()

    def tick(self, rates_per_s: Mapping[str, float], climbs: Sequence[Climb]) -> None:
        now = time.monotonic()
        seconds, self._at = now - self._at, now
        for one in climbs:
            owed = min(self._owed[one.table] + seconds * rates_per_s[one.table], one.rows - one.died)
            run(self._connection, "log_out_oldest", table=named(one.table), count=int(owed))
            one.died += int(owed)
            self._owed[one.table] = owed - int(owed)
        if self._hands_in:
            run(self._connection, "hand_in")


def _climb(writer: _Writer, seer: Connection, climbs: Sequence[Climb], then: float) -> None:
    looks, deadline = [look(seer)], time.monotonic() + PATIENCE_S
    while going := [one for one in climbs if one.came_s is None]:
        if time.monotonic() > deadline:
            raise BusyError(f"autovacuum has not come within {PATIENCE_S:g} s; try again when the machine is less busy")
        until = time.monotonic() + _LOOK_S
        while time.monotonic() < until:
            rates = {one.table: one.rate_per_s * (1 if one.predicted_at_s is None else then) for one in going}
            writer.tick(rates, going)
            time.sleep(_TICK_S)
        looks.append(look(seer))
        predictions = {(one.table, one.action): one for one in predict(looks, FLUSH_S)}
        for one in going:
            _note(one, looks, predictions[f"public.{one.table}", VACUUM])


def _note(one: Climb, looks: Sequence[Look], prediction: Prediction) -> None:
    """Add what the last look shows of a table; keep the first prediction after half of the way."""
    began, table = looks[0].at, looks[-1].named(one.table)
    assert table is not None
    if table.autovacuums:
        one.came_s = (table.last_autovacuum - began).total_seconds() if table.last_autovacuum else None
        return
    at_s = (prediction.made_at - began).total_seconds()
    one.points.append((at_s, table.dead_rows))
    one.first = prediction.first or 0
    if one.predicted_at_s is None and prediction.verdict == LATER and 2 * prediction.count >= one.first:
        assert prediction.earliest_s is not None and prediction.latest_s is not None
        one.predicted_at_s = at_s
        one.earliest_s, one.latest_s = at_s + prediction.earliest_s, at_s + prediction.latest_s
