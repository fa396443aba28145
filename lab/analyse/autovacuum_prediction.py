"""When autovacuum will next vacuum and analyze each table, and why: from looks at a database, as intervals.

Counters move in steps, because a session reports what it did at most once a second while it works, and 10 s later when
it has gone idle (in 13 and 14 not before its next statement). So a rate is known within one such step, and a moment is
an interval. To the crossing of the threshold comes the wait for the database's turn, once in each
``autovacuum_naptime``, and for the worker to start.

While something holds the horizon, autovacuum comes as predicted, and again in each turn: it can't remove the rows,
they stay counted, and the threshold stays crossed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from lab.analyse import autovacuum
from lab.analyse.autovacuum import Trigger
from lab.record.autovacuum import (
    ALL,
    ANALYZE,
    DUE,
    LATER,
    NEVER,
    NOTHING,
    OLDER,
    STILL,
    UNKNOWN,
    VACUUM,
    Look,
    Prediction,
    Table,
)
from lab.record.horizon import Holder, Holders, lasting

FLUSH_S = 1.0  # a session at work reports its counts this often
START_S = 1.0  # the launcher's wake-up, the worker's start, its look at the tables before this one
_GUESS = 2.0  # how wrong the rate of ages may be, as a factor
_AGES = (autovacuum.AGE, autovacuum.MULTIXACT_AGE)
_LEAST_TURN_S = 0.11  # the launcher does not start workers faster than this


@dataclass(frozen=True, slots=True)
class _When:
    """One trigger and the interval in which its threshold is crossed; no interval: it is not, as far as one can see."""

    trigger: Trigger
    verdict: str
    rate_per_s: float | None = None
    earliest_s: float | None = None
    latest_s: float | None = None


def predict(looks: Sequence[Look], flush_s: float = FLUSH_S, start_s: float = START_S) -> tuple[Prediction, ...]:
    """Return two predictions, vacuum and analyze, for each table of the last look (of a TOAST table only the vacuum).

    :param looks: one or more, oldest first; the rate of change is that from each to the next, where nothing ran on the
        table between them. Of a single look no rate is known.
    :param flush_s: how far the counters may lag behind the sessions that write.
    :param start_s: how long a worker may take from its turn to the table.
    """
    last = looks[-1]
    wait_s = turn_s(last) + start_s
    held = lasting(looks[0].holders, last.holders)
    return tuple(
        _prediction(looks, table, action, held, flush_s, wait_s)
        for table in last.tables
        for action in ((VACUUM,) if table.kind == "t" else (VACUUM, ANALYZE))
    )


def turn_s(look: Look) -> float:
    """Return how long a database waits for its turn at most, seconds: once in each naptime."""
    return max(look.rules.naptime_s, _LEAST_TURN_S * look.databases)


@dataclass(frozen=True, slots=True)
class Rate:
    """How fast a count grew, seen over *seconds* in so many *stretches* between runs, each off by one report."""

    per_s: float
    seconds: float
    stretches: int


def rate(looks: Sequence[Look], table: Table, reason: str) -> Rate | None:
    """Return how fast a count of a table grows; None if it can't be told.

    From one look to the next, a run of (auto)vacuum or (auto)analyze or a restart of the server hides what has grown:
    such steps are left out.
    """
    grown, seconds, stretches, unbroken = 0, 0.0, 0, False
    for one, other in pairwise(looks):
        before, after = _count(one, table, reason), _count(other, table, reason)
        if before is None or after is None or _runs(one, table) != _runs(other, table):
            unbroken = False
            continue
        grown += after - before
        seconds += (other.at - one.at).total_seconds()
        stretches, unbroken = stretches + (not unbroken), True
    return Rate(grown / seconds, seconds, stretches) if seconds > 0 else None


def _runs(look: Look, table: Table) -> tuple[object, ...]:
    then = look.table(table.oid) or table
    return (look.started_at, then.autovacuums, then.vacuums, then.autoanalyzes, then.analyzes)


def _count(look: Look, of: Table, reason: str) -> int | None:
    table = look.table(of.oid)
    if table is None:
        return None
    return {
        autovacuum.DEAD: table.dead_rows,
        autovacuum.INSERTS: table.inserted_rows,
        autovacuum.CHANGES: table.changed_rows,
        autovacuum.AGE: table.xid_age,
        autovacuum.MULTIXACT_AGE: table.multixact_age,
    }[reason]


def _prediction(
    looks: Sequence[Look], table: Table, action: str, held: Holders, flush_s: float, wait_s: float
) -> Prediction:
    last, vacuum = looks[-1], action == VACUUM
    soonest, after = _soonest(looks, table, action, flush_s, wait_s), ""
    if vacuum and soonest:
        soonest, after = _with_analyze(looks, table, soonest, flush_s, wait_s)
    holders = held.of(last.database, table.catalog, table.shared) if vacuum else ()
    parent = last.table(table.parent) if table.parent is not None else None
    verdict, because, unbounded = _hindered(table, action, last, soonest)
    timed = soonest if soonest and verdict in (DUE, LATER) else None
    return Prediction(
        server=last.server,
        database=last.database,
        oid=table.oid,
        table=table.full_name,
        toast_of=parent.full_name if parent else "",
        action=action,
        verdict=verdict,
        made_at=last.at,
        reason=soonest.trigger.reason if soonest else "",
        count=soonest.trigger.count if soonest else 0,
        threshold=soonest.trigger.threshold if soonest else None,
        first=soonest.trigger.first if soonest else None,
        rate_per_s=soonest.rate_per_s if soonest else None,
        earliest_s=timed.earliest_s if timed else None,
        latest_s=timed.latest_s if timed and not unbounded else None,
        because=because or after,
        removes=removes(table, holders),
        held_by=holders[0].named if holders else "",
        runs_before=table.autovacuums if vacuum else table.autoanalyzes,
        by_hand_before=table.vacuums if vacuum else table.analyzes,
        last_run_at=table.last_autovacuum if vacuum else table.last_autoanalyze,
        started_at=last.started_at,
    )


def _soonest(looks: Sequence[Look], table: Table, action: str, flush_s: float, wait_s: float) -> _When | None:
    """Return the way in which *action* comes first, its triggers each taken for themselves."""
    triggers = (autovacuum.vacuum_triggers if action == VACUUM else autovacuum.analyze_triggers)(table, looks[-1])
    ways = [_when(trigger, rate(looks, table, trigger.reason), flush_s, wait_s) for trigger in triggers]
    return min(ways, key=_order, default=None)


def _with_analyze(
    looks: Sequence[Look], table: Table, vacuum: _When, flush_s: float, wait_s: float
) -> tuple[_When, str]:
    """Return when the vacuum comes if an analyze comes first: it sets ``reltuples`` anew, and so the threshold."""
    analyze = _soonest(looks, table, ANALYZE, flush_s, wait_s)
    if vacuum.verdict == DUE or analyze is None or analyze.latest_s is None or table.live_rows == table.reltuples:
        return vacuum, ""
    if vacuum.latest_s is not None and vacuum.latest_s <= (analyze.earliest_s or 0.0):
        return vacuum, ""
    then = _soonest(looks, replace(table, reltuples=float(table.live_rows)), VACUUM, flush_s, wait_s)
    if then is None or then.latest_s is None or then.trigger.threshold == vacuum.trigger.threshold:
        return vacuum, ""
    early = max(then.earliest_s or 0.0, analyze.earliest_s or 0.0)
    late = max(then.latest_s, analyze.latest_s + wait_s)
    if vacuum.latest_s is not None and analyze.latest_s > (vacuum.earliest_s or 0.0):  # either may come first
        early, late = min(early, vacuum.earliest_s or 0.0), max(late, vacuum.latest_s)
    after = f"after an analyze, which sets the threshold anew, for about {table.live_rows:,} rows"
    return replace(then, verdict=LATER, earliest_s=early, latest_s=late), after


def _when(trigger: Trigger, grows: Rate | None, flush_s: float, wait_s: float) -> _When:
    """Return when one trigger's threshold is crossed and a worker comes, between the fastest and the slowest rate."""
    if trigger.due:
        return _When(trigger, DUE, grows.per_s if grows else None, 0.0, wait_s)
    if grows is None:
        return _When(trigger, UNKNOWN)
    if grows.per_s <= 0:
        seen = trigger.reason in _AGES or grows.per_s < 0 or grows.seconds > grows.stretches * flush_s
        return _When(trigger, STILL if seen else UNKNOWN, grows.per_s)  # a report may be on its way for each stretch
    missing_s = (trigger.first - trigger.count) / grows.per_s
    if trigger.reason in _AGES:  # told without a lag, and foreseen from seconds for months
        return _When(trigger, LATER, grows.per_s, missing_s / _GUESS, missing_s * _GUESS + wait_s)
    # what was seen to grow in these seconds happened in one step of reporting more, or less, for each stretch
    off = grows.stretches * flush_s / grows.seconds
    fastest_s, slowest_s = missing_s * max(1 - off, 0.0), missing_s * (1 + off)
    return _When(trigger, LATER, grows.per_s, max(fastest_s - flush_s, 0.0), slowest_s + flush_s + wait_s)


def _order(way: _When) -> tuple[int, float, float]:
    """The soonest first; of those without a moment, the one that is nearest to its threshold.

    An age that is due in months says nothing while it is not known how fast rows die.
    """
    rank = {DUE: 0, LATER: 1, UNKNOWN: 2, STILL: 4}[way.verdict]
    if way.verdict == LATER and way.trigger.reason in _AGES:
        rank = 3
    nearness = way.trigger.count / max(way.trigger.first, 1)
    return (rank, way.latest_s or 0.0, -nearness)


def _hindered(table: Table, action: str, look: Look, soonest: _When | None) -> tuple[str, str, bool]:
    """Return the verdict, what stands in the way, and whether the moment is therefore unbounded."""
    if look.in_recovery:
        return NEVER, "a standby does not run autovacuum", False
    if soonest is None or (soonest.verdict not in (DUE, LATER) and _deaf(table, action, look)):
        return NEVER, _why_never(table, action, look), False
    if soonest.verdict == UNKNOWN:
        return UNKNOWN, "below the threshold, and too little was seen for a rate", False
    if soonest.verdict == STILL:
        return STILL, "below the threshold, and the counters do not grow", False
    if look.endangered:
        return soonest.verdict, f"after {', '.join(look.endangered)}, which wraparound endangers", True
    if look.workers is not None and look.workers >= look.rules.max_workers:
        return soonest.verdict, f"when a worker is free: all {look.rules.max_workers} are at work", True
    if table.locked_by is not None and soonest.verdict == DUE:
        return DUE, f"when pid {table.locked_by} gives up its lock on the table: autovacuum passes it over", True
    return soonest.verdict, _why_never(table, action, look) if _deaf(table, action, look) else "", False


def _deaf(table: Table, action: str, look: Look) -> bool:
    """Whether counts of rows make no vacuum run, so that only age does."""
    reasons = {trigger.reason for trigger in autovacuum.vacuum_triggers(table, look)}
    return action == VACUUM and autovacuum.DEAD not in reasons


def _why_never(table: Table, action: str, look: Look) -> str:
    if not look.rules.enabled:
        return "autovacuum or track_counts is off"
    if not autovacuum.effective(table, look).enabled:
        inherited = table.kind == "t" and table.options is None
        return "autovacuum_enabled is off for " + ("its table" if inherited else "this table")
    return "autovacuum does not analyze this table" if action == ANALYZE else "nothing makes it run"


def removes(table: Table, holders: Sequence[Holder]) -> str:
    """Return what a vacuum would do about the dead rows: all, only what died before the oldest holder began, nothing.

    Nothing, if the table was vacuumed since that began: what could be removed then is gone.
    """
    if not holders:
        return ALL
    vacuumed = [at for at in (table.last_autovacuum, table.last_vacuum) if at]
    since = holders[0].since
    return NOTHING if since and vacuumed and max(vacuumed) > since else OLDER


def sentence(prediction: Prediction) -> str:
    """Say a prediction in one line.

    >>> from datetime import UTC, datetime
    >>> made = Prediction("", "app", 1, "public.t", "", "vacuum", "due", datetime(2026, 1, 1, tzinfo=UTC),
    ...     "dead rows", 2051, 2050.0, 2051, None, 0.0, 61.0)
    >>> sentence(made)
    'vacuum within 61 s: 2,051 dead rows, more than 2,050'
    """
    what, verdict = prediction.action, prediction.verdict
    limit = f"{prediction.threshold or 0.0:,.0f}"
    old = prediction.reason in _AGES
    counted = f"{prediction.reason} {prediction.count:,}" if old else f"{prediction.count:,} {prediction.reason}"
    if verdict == NEVER:
        return f"never {what}: {prediction.because}"
    if verdict in (STILL, UNKNOWN):
        return f"no {what} in sight: {counted} of {limit}; {prediction.because}"
    latest = _span(prediction.latest_s) if prediction.latest_s is not None else ""
    if verdict == DUE:
        moment = f"within {latest}" if latest else "due"
        text = f"{what} {moment}: {counted}, more than {limit}"
    else:
        early = _span(prediction.earliest_s or 0.0)
        moment = f"in {early} to {latest}" if latest else f"in {early} or later"
        text = f"{what} {moment}: {counted} of {limit}"
        text += f", {prediction.rate_per_s:,.1f} more each second" if (prediction.rate_per_s or 0.0) > 0 else ""
    if prediction.because:
        text += f"; {prediction.because}"
    if old and verdict == LATER:  # nobody knows who holds the horizon then
        return text
    if prediction.removes == NOTHING:
        text += f"; removes nothing, because {prediction.held_by} holds the horizon"
    elif prediction.removes == OLDER:
        text += f"; removes only what died before {prediction.held_by} began"
    return text


def _span(seconds: float) -> str:
    for unit, length_s in (("days", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 3 * length_s:
            return f"{seconds / length_s:,.0f} {unit}"
    return f"{seconds:,.0f} s"
