"""What the notebooks use to teach: predict, run, claim, check, hint.

A lesson begins with :func:`begin`, which holds a server of the home for as long as the kernel lives, also if that ends
by ``kill -9``. Everything after it works on that server. ``LAB_SCALE`` sets how long loads take and nothing else.

Small experiments are in :mod:`lab.demonstrate` and take what :func:`bench` returns; loads and comparisons are here.
"""

from contextlib import AbstractContextManager
from types import EllipsisType
from typing import TypeVar

from lab.demonstrate import pool_size as _pool_size
from lab.demonstrate import sessions as _sessions
from lab.demonstrate.pairs import Compared
from lab.demonstrate.pool_size import Wave
from lab.demonstrate.sessions import Seen
from lab.lesson.advice import advice, formulas
from lab.lesson.capacity_pictures import (
    closed_load,
    latencies,
    laws,
    planned_meanwhile,
    search,
    spread_of_peaks,
    throughput,
)
from lab.lesson.claims import Verdict, judge
from lab.lesson.desk import at, begin, bench, end
from lab.lesson.exercises import check, hint
from lab.lesson.loads import Answer, chart_of, compare, one_load, request, split, table
from lab.lesson.needs import needs
from lab.lesson.pictures import backends, curve, logins, strip

__all__ = [
    "Answer", "Compared", "advice", "backends", "begin", "bench", "chart_of", "check", "claim", "closed_load",
    "compare", "curve", "end", "formulas", "hint", "hold", "latencies", "laws", "logins", "needs", "one_load",
    "planned_meanwhile", "predict", "request", "search", "sessions", "split", "spread_of_peaks", "strip", "table",
    "throughput", "updates", "wave",
]  # fmt: skip

T = TypeVar("T")


def hold(lent: AbstractContextManager[T]) -> T:
    """Borrow something for the rest of the lesson, such as a private server; it is given back when the lesson ends."""
    return at().held.enter_context(lent)


def predict(what: str, guess: float | EllipsisType) -> float | None:
    """Record a prediction before its experiment; ``...`` stands for one that is not made yet."""
    value = at().notes.predict(what, guess)
    print(f"recorded: {what}" if value is not None else f"not yet: write your guess of {what} in place of the dots")  # noqa: T201
    return value


def claim(
    sentence: str,
    observed: float | None,
    *,
    at_least: float | None = None,
    at_most: float | None = None,
    between: tuple[float, float] | None = None,
) -> None:
    """Print whether the sentence holds for *observed*, and no digit of it; the number goes to the lesson's record.

    :raises UsageError: without any bound.
    """
    low, high = between or (at_least, at_most)
    verdict: Verdict = judge(sentence, observed, low, high)
    at().notes.add(verdict)
    print(verdict)  # noqa: T201


def sessions(variant: str, count: int = 3) -> list[int]:
    """Open and close *count* SQLAlchemy sessions one after the other; return the pid of the backend behind each."""
    return _sessions.backends_behind(bench(), variant, count)


def updates(variant: str) -> Seen:
    """Make updates through the variant's pool and read the statistics views at once, then after a flush."""
    return _sessions.updates_seen(bench(), variant)


def wave(pool: str | EllipsisType) -> Wave | None:
    """Send twenty requests at once through *pool*, each holding a connection for half a second.

    ``...`` stands for a pool that is not chosen yet.
    """
    if isinstance(pool, EllipsisType):
        print("not yet: write a pool in place of the dots")  # noqa: T201
        return None
    return _pool_size.wave(bench(), pool)
