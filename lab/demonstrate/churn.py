"""The same churn on tables that autovacuum treats differently: what dies, what grows, and what a query pays.

The tables are sessions of an application: in each round the oldest end and as many begin, in one transaction, so the
number of live rows never changes. The rounds are paced by autovacuum's own visits, about one a second, and not by a
clock: each round's rows are handed in before the visit and judged by it, however busy the machine is.

Beside them an innocent query asks each table for its oldest session, one row by the primary key. It has to step over
the entries of those that ended: VACUUM removes them from the index, and nothing else does while the pages are in use.
What it reads is counted by the server, in blocks of 8 KiB, after one run that nobody counted.

Source: PostgreSQL's ``autovacuum.c``; the manual on routine vacuuming.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median

from psycopg2 import sql as pg
from psycopg2.extensions import connection as Connection

from lab.demonstrate.bench import Bench
from lab.demonstrate.ground import Counters, Ground, named, run

OPTION = "autovacuum_vacuum_scale_factor"
LOOKS = 7  # at the innocent query, in each round


@dataclass(frozen=True, slots=True)
class Treatment:
    """How a table is treated. *options*: its own settings."""

    name: str
    table: str
    options: Mapping[str, str] = field(hash=False)


DEFAULT = Treatment("0.2, the default", "sessions_20", {})
SMALLER = Treatment("0.05", "sessions_05", {OPTION: "0.05"})
SMALLEST = Treatment("0.01", "sessions_01", {OPTION: "0.01"})
OFF = Treatment("switched off", "sessions_off", {"autovacuum_enabled": "false"})
TREATMENTS = (DEFAULT, SMALLER, SMALLEST, OFF)


@dataclass(frozen=True, slots=True)
class Cost:
    """What the innocent query cost: blocks read, and the server's own time for each run, ms."""

    blocks: int
    times_ms: tuple[float, ...]

    @property
    def median_ms(self) -> float:
        """The middle one of the times."""
        return median(self.times_ms)


@dataclass(frozen=True, slots=True)
class Round:
    """One table in one round: how many rows were dead before autovacuum's visit, and what was seen after it.

    Those before it are the ones that the last visit left and those that ended since: autovacuum may be quicker than a
    look at the counters.
    """

    before_s: float
    after_s: float
    dead_before: int
    after: Counters
    cost: Cost  # after the visit


@dataclass(slots=True)
class Churned:
    """One table through all rounds. *ran_before*: autovacuum may have come while it was filled."""

    treatment: Treatment
    ran_before: int = 0
    rounds: list[Round] = field(default_factory=list)

    @property
    def vacuums(self) -> int:
        """How often autovacuum ran on it in these rounds."""
        return self.rounds[-1].after.vacuums - self.ran_before

    @property
    def peak(self) -> int:
        """The most dead rows that there were."""
        return max(one.dead_before for one in self.rounds)

    @property
    def least_growth_bytes(self) -> int:
        """The least by which it grew between two visits; 0 or less if it once did not."""
        return min(later.after.size_bytes - sooner.after.size_bytes for sooner, later in pairwise(self.rounds))

    @property
    def size_bytes(self) -> int:
        """The size at the end, with its index."""
        return self.rounds[-1].after.size_bytes


@dataclass(frozen=True, slots=True)
class Season:
    """The same churn on every table: *rows* live ones all the time, of which *count* were replaced in each round."""

    rows: int
    count: int
    tables: tuple[Churned, ...]

    def of(self, treatment: Treatment) -> Churned:
        """Return the table that was treated so."""
        return next(one for one in self.tables if one.treatment == treatment)


def churned(
    bench: Bench, ground: Ground, treatments: Sequence[Treatment] = TREATMENTS, rounds: int | None = None
) -> Season:
    """Replace the same number of rows of every table in each round, and look before and after autovacuum's visit.

    The number is a twentieth of the table and a little more, so the three scale factors differ in how many rounds it
    takes to their thresholds: 4, 2 and 1.
    """
    rows, times = bench.scaled(ci=(10_000, 6), workshop=(50_000, 24))
    count = rows // 20 + 30
    season = Season(rows, count, tuple(Churned(one) for one in treatments))
    _make(ground, season)
    began = time.monotonic()
    total = rounds or times
    for number in range(total):
        ground.say(f"round {number + 1} of {total}: {count} rows of each table end, and as many begin")
        _round(ground, season, began)
    return season


def _make(ground: Ground, season: Season) -> None:
    with ground.session() as session:
        for one in season.tables:
            run(session, "sessions_table", table=named(one.treatment.table), rows=season.rows)
            for option, value in one.treatment.options.items():
                run(session, "options", table=named(one.treatment.table), option=pg.SQL(option), value=pg.SQL(value))
    # in a session of its own: what the insert counted must be handed in before VACUUM reports
    with ground.session() as session:
        for one in season.tables:
            run(session, "vacuum_analyze", table=named(one.treatment.table))
    counters = ground.counters()
    for one in season.tables:
        one.ran_before = counters[one.treatment.table].vacuums


def _round(ground: Ground, season: Season, began: float) -> None:
    with ground.session() as session:
        for one in season.tables:
            replace(session, one.treatment.table, season.count)
    before_s = time.monotonic() - began
    ground.visit()
    after, after_s = ground.counters(), time.monotonic() - began
    for one in season.tables:
        table = one.treatment.table
        left = one.rounds[-1].after.dead if one.rounds else 0
        one.rounds.append(Round(before_s, after_s, left + season.count, after[table], innocent(ground, table)))


def replace(session: Connection, table: str, count: int) -> None:
    """End the oldest sessions of a table and begin as many."""
    session.autocommit = False
    run(session, "log_out_oldest", table=named(table), count=count)
    run(session, "log_in", table=named(table), count=count)
    session.commit()
    session.autocommit = True


def innocent(ground: Ground, table: str) -> Cost:
    """Ask for the oldest session of a table, some times, and return what it cost the server."""
    plans = [ground.value("innocent", table=named(table))[0] for _ in range(LOOKS + 1)][1:]
    blocks = {plan["Plan"]["Shared Hit Blocks"] + plan["Plan"]["Shared Read Blocks"] for plan in plans}
    return Cost(min(blocks), tuple(plan["Execution Time"] for plan in plans))


@dataclass(frozen=True, slots=True)
class Mended:
    """A neglected table before autovacuum was switched on again, and after its next visit."""

    before: Counters
    after: Counters
    cost_before: Cost
    cost_after: Cost


def mended(ground: Ground, treatment: Treatment = OFF, enabled: str = "true", rewrite: bool = False) -> Mended:
    """Switch autovacuum on again for a table, or leave it off, and let it come once; *rewrite*: the table then."""
    table = treatment.table
    before, cost = ground.counters()[table], innocent(ground, table)
    with ground.session() as session:
        run(session, "options", table=named(table), option=pg.SQL("autovacuum_enabled"), value=pg.SQL(enabled))
    ground.visit()
    if rewrite:
        with ground.session() as session:
            run(session, "vacuum_full", table=named(table))
    return Mended(before, ground.counters()[table], cost, innocent(ground, table))
