"""The figures and tables of 03_pool_settings. Every title is computed from what it shows."""

from collections.abc import Mapping, Sequence
from statistics import median

import pandas as pd

from lab.chart.plain import Line, Row, Words
from lab.demonstrate.fairness import Shares
from lab.demonstrate.faults import Survived
from lab.demonstrate.filling import Churn, Level
from lab.demonstrate.lifetime import Quiet
from lab.lesson.desk import bench
from lab.lesson.pictures import curve, strip


def _guessed(guess: float | None) -> dict[str, float]:
    return {} if guess is None else {"your guess": guess}


def table(levels: Sequence[Level]) -> pd.DataFrame:
    """Return the pool at each step: what was wanted, the pool's gauges, and the server's count."""
    rows = [
        {
            "wanted": level.wanted,
            "checkedout()": level.out,
            "checkedin()": level.idle,
            "overflow()": level.overflow,
            "backends": level.backends,
        }
        for level in levels
    ]
    return pd.DataFrame(rows).T


def levels(steps: Sequence[Level], guess: float | None, size: int, overflow: int) -> None:
    """Show what was wanted and what was open, step by step, between the pool's two limits."""
    few = [step for step in steps if 0 < step.out < size and step.backends > size]
    title = f"Open connections go from {steps[0].backends} to {max(step.backends for step in steps)}"
    title += f", and {few[0].backends} stay open for {few[0].out} in use" if few else " and follow the demand"
    words = Words(
        title,
        f"pool_size {size}, max_overflow {overflow}; {len(steps)} steps, one thread; your guess is of what is open "
        f"at step {steps.index(few[0]) if few else len(steps) - 1}",
        "step of the demand",
        "connections",
        _guessed(guess),
        {"size": size, "size + overflow": size + overflow},
    )
    wanted = Line("wanted", [(number, step.wanted) for number, step in enumerate(steps)])
    opened = Line("open in PostgreSQL", [(number, step.backends) for number, step in enumerate(steps)], "queue")
    curve([opened, wanted], words)


def opened(found: Sequence[Churn]) -> float:
    """Return the connections opened, the median of the repeats."""
    return median(one.opened for one in found)


def churn(found: Mapping[str, Sequence[Churn]], guess: float | None) -> None:
    """Show the connections opened for each hundred checkouts, by pool; every repeat is a dot."""
    pools = [name for name in found if name != "NullPool"]
    most, least = max(pools, key=lambda name: opened(found[name])), min(pools, key=lambda name: opened(found[name]))
    ratio = opened(found[most]) / opened(found[least])
    one = found[most][0]
    repeats = len(found[most])
    title = "All pools open about as many connections"
    if ratio >= 1.5:
        title = f"Of the same total, {most} opens {ratio:.0f} times as many connections as {least}"
    words = Words(
        title,
        f"size+overflow; {repeats} {'repeat' if repeats == 1 else 'repeats'} of {one.checkouts} checkouts by 20 users, "
        f"3 ms each; scale {bench().config.scale}; lines: medians; your guess is of 1+19",
        "connections opened for each hundred checkouts",
        guesses=_guessed(guess),
    )
    rows = [
        Row(name, [churned.per_hundred for churned in some], "null" if name == "NullPool" else "queue")
        for name, some in found.items()
    ]
    strip(rows, words)


def failures(bare: Survived, pinged: Survived, in_use: Survived, in_use_pinged: Survived, guess: float | None) -> None:
    """Show the failed requests after backends were ended, idle and in use, without a ping and with one."""
    shown = {
        "ended while idle": bare,
        "ended while idle, pre_ping": pinged,
        "ended in use": in_use,
        "ended in use, pre_ping": in_use_pinged,
    }
    title = "The ping makes no difference"
    if pinged.failed < bare.failed:
        title = f"A ping saves {bare.failed - pinged.failed} of {bare.failed} failures after a loss while idle, and "
        title += f"{in_use.failed - in_use_pinged.failed or 'none'} of {in_use.failed} in use"
    words = Words(
        title,
        f"{bare.ended} backends ended; then {bare.requests} requests one by one, or the {in_use.requests} in use; "
        "one run each; your guess is of the first",
        "failed requests",
        guesses=_guessed(guess),
    )
    strip([Row(name, [survived.failed], "queue") for name, survived in shown.items()], words)


def statements(sent: Mapping[str, Mapping[str, float]]) -> pd.DataFrame:
    """Return what each unit of work sent to the server: statements per unit, and how many in all."""
    frame = pd.DataFrame(sent).fillna(0).T
    frame["in all"] = frame.sum(axis=1)
    return frame


def shares(greedy: Shares, patient: Shares, seconds: float) -> None:
    """Show how often each thread was served: a dot for each thread."""
    threads = len(greedy.checkouts)
    most = greedy.checkouts[0]
    title = "Every thread gets its share"
    if greedy.starved:
        title = f"Without a pause {greedy.starved} of {threads} threads get next to nothing"
        title += f", with a pause {patient.starved or 'none'}"
    words = Words(
        title,
        f"{threads} threads, pool of 5, {seconds:g} s each; a dot for each thread; the busiest had {most:,} checkouts",
        "thread, the busiest first",
        "checkouts in all",
    )
    lines = [
        Line(name, [(rank, count) for rank, count in enumerate(some.checkouts, 1)])
        for name, some in (("no pause", greedy), ("pause of 5 ms", patient))
    ]
    curve(lines, words)


def uses(fifo: Quiet, lifo: Quiet) -> None:
    """Show how often each backend of a warm pool was used in a quiet time."""
    words = Words(
        f"In a quiet time the default uses {fifo.touched} of {fifo.warm} connections, LIFO {lifo.touched}",
        f"{sum(fifo.uses)} checkouts one at a time over a warm pool of {fifo.warm}; one run each",
        "connection, the busiest first",
        "times used",
    )
    lines = [
        Line(name, [(rank, count) for rank, count in enumerate(quiet.uses, 1)])
        for name, quiet in (("FIFO, the default", fifo), ("LIFO", lifo))
    ]
    curve(lines, words)
