"""The plain figures of lessons, shown: the picture, its constant line, and its finding in words."""

from collections.abc import Sequence
from dataclasses import asdict

from lab.chart import plain
from lab.chart.labels import pool_name
from lab.chart.plain import Line, Row, Words
from lab.demonstrate.pooler import Growth
from lab.lesson.display import show
from lab.plan import PoolConfig


def strip(rows: Sequence[Row], words: Words, log: bool = False) -> None:
    """Show dots in rows; see :func:`lab.chart.plain.strip`."""
    show(plain.strip(rows, words, log), plain.structure(words, [row.label for row in rows]), words.title)


def curve(lines: Sequence[Line], words: Words, log_x: bool = False, log_y: bool = False) -> None:
    """Show lines; see :func:`lab.chart.plain.curve`."""
    show(plain.curve(lines, words, log_x, log_y), plain.structure(words, [line.label for line in lines]), words.title)


def backends(inside: Sequence[Growth], outside: Growth, guesses: Sequence[float | None]) -> None:
    """Show the backends of pools inside the application and of one outside, by workers; *guesses* for both."""
    rows = []
    for one in (*inside, outside):
        pool = PoolConfig.parse(one.spec)
        rows += [Row(f"{pool_name(asdict(pool))}, workers: {at.workers}", [at.most], pool.kind) for at in one.seen]
    bounded = "stay" if len(set(outside.most)) == 1 else "do not stay"
    named = zip(("guess, inside", "guess, outside"), guesses, strict=True)
    words = Words(
        f"Behind PgBouncer the backends {bounded} the same when a worker is added",
        "24 users, each request holds a connection for 50 ms; backends looked at 50 times a second",
        "backends at once, the most seen",
        guesses={name: guess for name, guess in named if guess is not None},
    )
    strip(rows, words)
