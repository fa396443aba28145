"""The plain figures of lessons, shown: the picture, its constant line, and its finding in words."""

from collections.abc import Sequence
from dataclasses import asdict

from lab.analyse.summary import VariantSummary
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


def logins(without: VariantSummary, pooled: VariantSummary | None, guess: float | None) -> None:
    """Show how often an application logged in to what is before the server, without a pool of its own and with one."""
    rows = [
        Row(name, [one.logins], str(one.pool["kind"]) if one is pooled else "null")
        for name, one in (("no pool before PgBouncer", without), ("a pool before it", pooled))
        if one is not None and one.logins is not None
    ]
    if not rows:
        print("the application did not tell how often it logged in")  # noqa: T201
        return
    fewer = len(rows) == 2 and rows[1].values[0] < rows[0].values[0] / 2
    words = Words(
        "A pool in the application saves the logins" if fewer else "The logins are not clearly fewer with a pool",
        "16 users without pause; one load of each, so counts and no times",
        "connections opened to PgBouncer",
        guesses={} if guess is None else {"your guess": guess},
    )
    strip(rows, words, log=True)


def backends(inside: Sequence[Growth], outside: Growth, guesses: Sequence[float | None]) -> None:
    """Show the backends of pools inside the application and of one outside, by workers; *guesses* for both."""
    rows = []
    for one in (*inside, outside):
        pool = PoolConfig.parse(one.spec)
        rows += [Row(f"{pool_name(asdict(pool))}, workers: {at.workers}", [at.most], pool.kind) for at in one.seen]
    fewer = max(outside.most) < min(one.most[-1] for one in inside)
    named = zip(("guess, inside", "guess, outside"), guesses, strict=True)
    words = Words(
        "Pools in the workers add up, a pooler outside is one for all"
        if fewer
        else "The backends are not fewer outside",
        "24 users, each request holds a connection for 50 ms; backends looked at 50 times a second",
        "backends at once, the most seen",
        guesses={name: guess for name, guess in named if guess is not None},
    )
    strip(rows, words)
