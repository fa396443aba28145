"""What a run sent to the server, from two looks at pg_stat_statements and without a reset: counts, mostly exact.

The lab knows what it asked for, so every count has something to be held against. Statements are recognised by their
normalised text: the server's ids change with its version, and not every version keeps a statement's comments.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import psycopg2
from sqlalchemy import QueuePool

from lab import sql
from lab.analyse import delta as deltas
from lab.analyse.delta import Delta
from lab.analyse.likeness import Use, used
from lab.analyse.n_plus_one import NPlusOne, n_plus_one
from lab.analyse.statements import StatementDelta
from lab.app import App
from lab.demonstrate import shared
from lab.demonstrate.bench import NAME, Bench
from lab.demonstrate.crowd import crowd
from lab.demonstrate.roundtrips import checkout
from lab.errors import AppError, ServerError
from lab.observe.statistics import Reader, reading
from lab.record.counters import Snapshot, StatementCounters
from lab.sql.normal import normalise

Statement = TypeVar("Statement", StatementDelta, StatementCounters)
_PARAMETER = re.compile(r"%\(\w+\)s|(?<!:):[a-z_]+")
WAYS = ("authors-each", "authors-joined", "authors-listed")
MIX = {"/posts/7": 60, "/patterns/nap?ms=8": 60, "/slow?ms=200": 1, "/patterns/authors-each": 5}
SENT = {  # route -> the statements that a request sends, and how often
    "/posts/7": {"app/post": 1},
    "/patterns/nap?ms=8": {"app/nap": 1},
    "/slow?ms=200": {"app/slow": 1},
    "/patterns/authors-each": {"app/posts": 1, "app/author": 20},
}


@dataclass(frozen=True, slots=True)
class Ran:
    """Requests that were sent one after the other, and what the server counted meanwhile."""

    requests: Mapping[str, int]
    delta: Delta

    @property
    def statements(self) -> tuple[StatementDelta, ...]:
        """Those that ran, without BEGIN and its like and without the lab's own, the costliest in total first."""
        return tuple(one for one in self.delta.statements.of_kind() if one.calls)

    @property
    def each(self) -> float:
        """Statements for each request."""
        return sum(one.calls or 0 for one in self.statements) / sum(self.requests.values())

    @property
    def uses(self) -> tuple[Use, ...]:
        """The same, added up by normalised text, so that two runs can be laid side by side."""
        return used(self.delta.statements, self.delta.seconds)

    @property
    def loops(self) -> tuple[NPlusOne, ...]:
        """Statements that were sent for each row of another."""
        return n_plus_one(self.uses, sum(self.requests.values()))

    def calls(self, question: str) -> int:
        """Return how often ``lab/sql/<question>.sql`` ran."""
        return sum(one.calls or 0 for one in named(self.statements, question))


def named(statements: Sequence[Statement], question: str) -> list[Statement]:
    """Return the statements that are ``lab/sql/<question>.sql``."""
    text = _bare(_PARAMETER.sub("$1", sql.load(question)))
    return [one for one in statements if _bare(one.query) == text]


def _bare(statement: str) -> str:
    """Return a statement without constants, and a list as one of them.

    >>> _bare("SELECT 1 WHERE a IN ($1, $2) OR b = ANY(ARRAY[3, 4])")
    'select ? where a in ? or b = any(?)'
    """
    return normalise(statement).replace("in (?)", "in ?").replace("array[?]", "?")


@contextmanager
def looking(bench: Bench) -> Iterator[Reader]:
    """Lend a reader of the lab's database.

    :raises ServerError: if there is no pg_stat_statements.
    """
    with reading(bench.where.owner_dsn) as reader:
        if reader.take().statements is None:
            raise ServerError("the database has no extension pg_stat_statements; see `lab doctor`")
        yield reader


def ran(
    bench: Bench, requests: Mapping[str, int] = MIX, web: App | None = None, beside: Mapping[str, int] | None = None
) -> Ran:
    """Send so many requests of each path through the app, and subtract two looks at the counters.

    :param beside: requests of somebody else meanwhile, of which nobody tells.
    :raises AppError: if one of them fails.
    """
    with shared.application(bench, web) as target, looking(bench) as reader:
        _ask(target, "/posts/1", 1)  # the pool's first connection asks the server who it is
        before = reader.take()
        for path, times in [*requests.items(), *(beside or {}).items()]:
            _ask(target, path, times)
        after = reader.take()
    return Ran(dict(requests), deltas.between(before, after))


def _ask(web: App, path: str, times: int) -> None:
    asked = crowd(web.url, path, 1, each=times)
    if asked.failed:
        raise AppError(f"{asked.failed} of {times} requests to {path} failed; see the app's log in the lab's home")


def miscounted(found: Ran, sent: Mapping[str, Mapping[str, int]] = SENT) -> int:
    """Return by how many calls the server's count differs from what the requests are known to send."""
    expected: dict[str, int] = {}
    for path, times in found.requests.items():
        for question, each in sent[path].items():
            expected[question] = expected.get(question, 0) + each * times
    return sum(abs(found.calls(question) - calls) for question, calls in expected.items())


def slowest(found: Ran) -> StatementDelta:
    """Return the statement with the longest mean time."""
    return max(found.statements, key=lambda one: one.mean_exec_ms or 0.0)


def pages(bench: Bench, web: App | None = None, ways: Sequence[str] = WAYS, times: int = 5) -> dict[str, Ran]:
    """Ask for the same page of twenty posts in each way."""
    with shared.application(bench, web) as target:
        return {way: ran(bench, {f"/patterns/{way}": times}, target) for way in ways}


@dataclass(frozen=True, slots=True)
class Pinged:
    """Checkouts of a pool and *own* health checks of the application's, as pg_stat_statements shows them."""

    checkouts: int
    own: int
    rows: tuple[tuple[str, int], ...]  # text and calls of each row that is a SELECT of one constant

    @property
    def calls(self) -> int:
        """All of these rows together."""
        return sum(calls for _, calls in self.rows)


def pinged(bench: Bench, checkouts: int = 20, own: int = 5, pre_ping: bool = True) -> Pinged:
    """Take a connection out of a pool and give it back, again and again; then ask something as short as a ping."""
    with looking(bench) as reader, bench.engine(QueuePool, pool_size=1, pool_pre_ping=pre_ping) as engine:
        checkout(engine)
        before = reader.take()
        for _ in range(checkouts - 1):
            checkout(engine)
        connection = engine.raw_connection()  # the last checkout
        cursor = connection.cursor()
        for _ in range(own):
            cursor.execute(sql.load("lesson/own_check"))
        connection.close()
        found = deltas.between(before, reader.take()).statements.statements
    rows = [
        (one.query.splitlines()[-1], one.calls) for one in found if normalise(one.query) == "select ?" and one.calls
    ]
    return Pinged(checkouts, own, tuple((query, calls) for query, calls in rows if calls))


@dataclass(frozen=True, slots=True)
class Listed:
    """One question with lists of several lengths: how many statements that is to the server, and by its text."""

    lengths: tuple[int, ...]
    calls: int
    rows: int  # of pg_stat_statements
    texts: int  # distinct normalised texts


FORMS: Mapping[str, Callable[[list[int]], object]] = {  # how a driver is given the list
    "lesson/in_list": tuple,
    "lesson/any_list": lambda ids: f"{{{','.join(map(str, ids))}}}",
}


def listed(bench: Bench, question: str = "lesson/in_list", lengths: Sequence[int] = (1, 2, 3, 5, 8)) -> Listed:
    """Ask once with a list of each length."""
    with looking(bench) as reader:
        before = reader.take()
        connection = psycopg2.connect(bench.where.app_dsn, application_name=NAME)
        with connection, connection.cursor() as cursor:
            for length in lengths:
                ids = list(range(1, length + 1))
                cursor.execute(sql.load(question), {"ids": FORMS[question](ids)})
        connection.close()
        found = [one for one in deltas.between(before, reader.take()).statements.statements if one.calls]
    mine = named(found, question)
    return Listed(
        tuple(lengths), sum(one.calls or 0 for one in mine), len(mine), len({normalise(one.query) for one in mine})
    )


@dataclass(frozen=True, slots=True)
class Watched:
    """One statement, seen by somebody who subtracts, while somebody else may reset."""

    sent: int
    counted: int | None  # by the difference; None: unknown
    shown: int  # what the view shows at the end, as somebody reads it who does not subtract


def watched(bench: Bench, before: int = 20, after: int = 10, reset: bool = True) -> Watched:
    """Ask *before* times, look, ask *after* times with a reset first or without, and look again."""
    question = "lesson/counted_question"
    with looking(bench) as reader:
        connection = psycopg2.connect(bench.where.app_dsn, application_name=NAME)
        connection.autocommit = True
        with connection.cursor() as cursor:
            for _ in range(before):
                cursor.execute(sql.load(question))
            first = reader.take()
            if reset:
                _reset(bench, first, question)
            for _ in range(after):
                cursor.execute(sql.load(question))
        connection.close()
        last = reader.take()
    (mine,) = named(deltas.between(first, last).statements.statements, question)
    shown = sum(one.calls for one in named(last.statements or (), question))
    return Watched(after, mine.calls, shown)


def _reset(bench: Bench, look: Snapshot, question: str) -> None:
    """Somebody forgets one statement: what was counted of the others is not the lesson's to throw away."""
    with bench.reader() as owner:
        for one in named(look.statements or (), question):
            owner.rows("lesson/reset_statements", userid=one.userid, dbid=one.dbid, queryid=one.queryid)
