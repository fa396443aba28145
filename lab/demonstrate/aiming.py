"""Cancelling a request on pooled connections: what the signal hits when there was a moment between look and shot.

Users of a pool send a request that somebody wants to cancel and then an innocent one, both equally long, again and
again. Somebody looks at ``pg_stat_activity``, picks one of the former, thinks for at most as long as it takes, and
cancels: by its pid, or guarded.
"""

import random
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial

import psycopg2
from sqlalchemy import Engine, QueuePool, create_engine, text
from sqlalchemy.exc import OperationalError

from lab import sql
from lab.demonstrate.bench import Bench, Reader, url
from lab.demonstrate.together import Together
from lab.demonstrate.triage import bare
from lab.errors import ServerError
from lab.observe import activity, signals
from lab.record.triage import ACTIVE, Identity
from lab.server.private import Private

USERS = 4
PICK_S = 20.0  # to find one of the requests that are to be cancelled
WANTED, INNOCENT = "lesson/triage_wanted", "lesson/triage_innocent"


@dataclass(frozen=True, slots=True)
class Shots:
    """What came of so many tries.

    *uncertain*: the receipt said that what came next may have been hit. *certain_innocent*: innocent queries that were
    hit by a signal whose receipt was certain of what it had hit.
    """

    guarded: bool
    tries: int
    sent: int
    wanted_hit: int
    innocent_hit: int
    uncertain: int
    certain_innocent: int

    @property
    def innocent_pct(self) -> float:
        """Innocent queries hit, of a hundred signals."""
        return 100 * self.innocent_hit / self.sent if self.sent else 0.0


@dataclass(frozen=True, slots=True)
class Signal:
    """A signal that was sent: to which pid, when it was asked for, and whether its receipt was certain."""

    pid: int
    at_s: float
    certain: bool | None  # None: by pid, so there is no receipt


@dataclass(frozen=True, slots=True)
class Hit:
    """A request that failed with *canceling statement*: which, on what connection, and when its user knew."""

    question: str
    pid: int
    at_s: float


def blamed(hit: Hit, sent: Sequence[Signal]) -> Signal | None:
    """Return the signal that made a request fail: the last one to its pid before its user knew of it.

    The user sends nothing more on that connection until then, so no later signal was aimed before.
    """
    earlier = [one for one in sent if one.pid == hit.pid and one.at_s <= hit.at_s]
    return max(earlier, key=lambda one: one.at_s, default=None)


def counted(guarded: bool, tries: int, sent: Sequence[Signal], hits: Sequence[Hit]) -> Shots:
    """Count what the signals did."""
    innocent = [one for one in hits if one.question == INNOCENT]
    causes = [blamed(one, sent) for one in innocent]
    return Shots(
        guarded, tries, len(sent),
        wanted_hit=sum(one.question == WANTED for one in hits),
        innocent_hit=len(innocent),
        uncertain=sum(one.certain is False for one in sent),
        certain_innocent=sum(cause is not None and cause.certain is True for cause in causes),
    )  # fmt: skip


def shots(
    bench: Bench,
    guarded: bool,
    tries: int = 200,
    query_ms: float = 40.0,
    seed: int = 1,
    server: Private | None = None,
) -> Shots:
    """Try to cancel *tries* times under load, and count which requests failed with *canceling statement*."""
    with bare(bench, server) as made:
        engine = create_engine(
            url(made.dsn), poolclass=QueuePool, pool_size=USERS, max_overflow=0,
            isolation_level="AUTOCOMMIT", connect_args={"application_name": "pooled"},
        )  # fmt: skip
        bench.say(f"{tries} tries to cancel, {'guarded' if guarded else 'by pid'}")
        with closing(_Disposed(engine)), _served(engine, query_ms / 1000) as (crew, hits):
            sent = _shoot(made.eye, crew, guarded, tries, query_ms / 1000, random.Random(seed))
    return counted(guarded, tries, sent, [hit for own in hits for hit in own])


class _Disposed:
    """An engine that is closed as a connection is."""

    def __init__(self, engine: Engine) -> None:
        self.close = engine.dispose


@contextmanager
def _served(engine: Engine, query_s: float) -> Iterator[tuple[Together, Sequence[list[Hit]]]]:
    """Have the users at work while the body runs; each keeps its own list of hits, complete when the body is over.

    :raises LabError: after the body, if a user failed.
    """
    over, hits = threading.Event(), [list[Hit]() for _ in range(USERS)]
    crew = Together([partial(_user, engine, query_s, own, over) for own in hits])
    crew.start()
    try:
        yield crew, hits
    finally:
        over.set()
        crew.wait()
    crew.check()


def _user(engine: Engine, query_s: float, hits: list[Hit], over: threading.Event) -> None:
    while not over.is_set():
        for question in (WANTED, INNOCENT):
            with engine.connect() as connection:
                pid = connection.connection.driver_connection.info.backend_pid  # type: ignore[union-attr]
                try:
                    connection.execute(text(sql.load(question)), {"seconds": query_s})
                except OperationalError as error:
                    if not isinstance(error.orig, psycopg2.errors.QueryCanceled):
                        raise
                    hits.append(Hit(question, pid, time.monotonic()))


def _shoot(
    eye: psycopg2.extensions.connection, crew: Together, guarded: bool, tries: int, think_s: float, rng: random.Random
) -> list[Signal]:
    """Look, think, cancel; return the signals that were sent."""
    title, sent = sql.load(WANTED).splitlines()[0], list[Signal]()
    for _ in range(tries):
        aim = _pick(eye, crew, title, rng)
        time.sleep(rng.uniform(0, think_s))
        at_s = time.monotonic()
        if guarded:
            receipt = signals.cancel(eye, aim, wait_s=0)
            sent += [Signal(aim.pid, at_s, receipt.certain)] if receipt.sent else []
        elif Reader(eye).value("lesson/triage_cancel", pid=aim.pid):
            sent.append(Signal(aim.pid, at_s, None))
    return sent


def _pick(eye: psycopg2.extensions.connection, crew: Together, title: str, rng: random.Random) -> Identity:
    """Look until one of the requests that are to be cancelled runs, and return one of them.

    :raises LabError: if a user failed meanwhile.
    :raises ServerError: if none was seen within the time.
    """
    until_s = time.monotonic() + PICK_S
    while time.monotonic() < until_s:
        crew.check()
        found = [
            one.identity
            for one in activity.sessions(eye)
            if one.application == "pooled" and one.state in ACTIVE and one.query.startswith(title) and one.identity
        ]
        if found:
            return rng.choice(found)
        time.sleep(0.001)
    raise ServerError(f"none of {USERS} users was seen at a request to cancel within {PICK_S:g} s; try again")
