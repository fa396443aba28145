"""Cancelling a request on pooled connections: what the signal hits when there was a moment between look and shot.

Users of a pool send a request that somebody wants to cancel and then an innocent one, both equally long, again and
again. Somebody looks at ``pg_stat_activity``, picks one of the former, thinks for at most as long as it takes, and
cancels: by its pid, or guarded.
"""

import random
import threading
import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass

import psycopg2
from sqlalchemy import Engine, QueuePool, create_engine, text
from sqlalchemy.exc import OperationalError

from lab import sql
from lab.demonstrate.bench import Bench, Reader, url
from lab.demonstrate.together import beside
from lab.demonstrate.triage import bare
from lab.observe import activity, signals
from lab.record.triage import ACTIVE, Identity
from lab.server.private import Private

USERS = 4
WANTED, INNOCENT = "lesson/triage_wanted", "lesson/triage_innocent"


@dataclass(frozen=True, slots=True)
class Shots:
    """What came of so many tries. *uncertain*: the receipt said that what came next may have been hit."""

    guarded: bool
    tries: int
    sent: int
    wanted_hit: int
    innocent_hit: int
    uncertain: int

    @property
    def innocent_pct(self) -> float:
        """Innocent queries hit, of a hundred signals."""
        return 100 * self.innocent_hit / self.sent if self.sent else 0.0


def shots(
    bench: Bench,
    guarded: bool,
    tries: int = 200,
    query_ms: float = 40.0,
    seed: int = 1,
    server: Private | None = None,
) -> Shots:
    """Try to cancel *tries* times under load, and count which requests failed with *canceling statement*."""
    hits: Counter[str] = Counter()
    with bare(bench, server) as made:
        engine = create_engine(
            url(made.dsn), poolclass=QueuePool, pool_size=USERS, max_overflow=0,
            isolation_level="AUTOCOMMIT", connect_args={"application_name": "pooled"},
        )  # fmt: skip
        bench.say(f"{tries} tries to cancel, {'guarded' if guarded else 'by pid'}")
        with closing(_Disposed(engine)), beside(lambda over: _users(engine, query_ms / 1000, hits, over)):
            sent, uncertain = _shoot(made.eye, guarded, tries, query_ms / 1000, random.Random(seed))
    return Shots(guarded, tries, sent, hits[WANTED], hits[INNOCENT], uncertain)


class _Disposed:
    """An engine that is closed as a connection is."""

    def __init__(self, engine: Engine) -> None:
        self.close = engine.dispose


def _users(engine: Engine, query_s: float, hits: Counter[str], over: threading.Event) -> None:
    threads = [threading.Thread(target=_user, args=(engine, query_s, hits, over)) for _ in range(USERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _user(engine: Engine, query_s: float, hits: Counter[str], over: threading.Event) -> None:
    while not over.is_set():
        for question in (WANTED, INNOCENT):
            try:
                with engine.connect() as connection:
                    connection.execute(text(sql.load(question)), {"seconds": query_s})
            except OperationalError as error:
                if not isinstance(error.orig, psycopg2.errors.QueryCanceled):
                    raise
                hits[question] += 1  # one of them at a time has the interpreter


def _shoot(
    eye: psycopg2.extensions.connection, guarded: bool, tries: int, think_s: float, rng: random.Random
) -> tuple[int, int]:
    """Look, think, cancel; return how many signals were sent, and of how many the receipt was not certain."""
    title, sent, uncertain = sql.load(WANTED).splitlines()[0], 0, 0
    for _ in range(tries):
        aim = _pick(eye, title, rng)
        time.sleep(rng.uniform(0, think_s))
        if guarded:
            receipt = signals.cancel(eye, aim, wait_s=0)
            sent, uncertain = sent + receipt.sent, uncertain + (receipt.certain is False)
        else:
            sent += bool(Reader(eye).value("lesson/triage_cancel", pid=aim.pid))
    return sent, uncertain


def _pick(eye: psycopg2.extensions.connection, title: str, rng: random.Random) -> Identity:
    """Look until one of the requests that are to be cancelled runs, and return one of them."""
    while True:
        found = [
            one.identity
            for one in activity.sessions(eye)
            if one.application == "pooled" and one.state in ACTIVE and one.query.startswith(title) and one.identity
        ]
        if found:
            return rng.choice(found)
        time.sleep(0.001)
