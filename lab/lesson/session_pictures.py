"""The figures of the lesson on sessions in FastAPI."""

from collections.abc import Sequence

import pandas as pd

from lab.chart.plain import Line, Row, Words
from lab.demonstrate.collapse import HOLD_MS, TIMEOUT_S, USERS, Cliff, Tried
from lab.demonstrate.event_loop import Beside
from lab.demonstrate.holding import Outside
from lab.demonstrate.horizon import Blocked
from lab.lesson.pictures import curve, strip


def _first_failing(one: Cliff) -> int | None:
    return next((point.users for point in one.points if any(point.failed)), None)


def cliff(cliffs: Sequence[Cliff], guess: float | None = None) -> None:
    """Draw the share of failed requests over the requests in flight; *guess* is of the first combination."""
    below, over = sum(one.failed_below for one in cliffs), min(one.failed_over for one in cliffs)
    sharp = all(_first_failing(one) == one.edge for one in cliffs)
    if below == 0 and over > 0:
        title = f"A cliff {'at' if sharp else 'above'} threads + connections: no failure below it, and failures above"
    else:
        title = "Failures did not begin at threads + connections"
    subtitle = (
        f"waves of requests at once, the worst wave of each number; hold {HOLD_MS} ms, pool timeout {TIMEOUT_S} s"
    )
    words = Words(
        title,
        f"n = {sum(len(point.failed) for one in cliffs for point in one.points)} {subtitle}",
        "requests in flight",
        "requests failed, %",
        x_guesses={} if guess is None else {f"your guess {guess:g}": guess},
        x_limits={f"predicted {edge}": edge for edge in sorted({one.edge for one in cliffs})},
    )
    lines = [
        Line(
            f"{one.threads} threads, {one.connections} connections",
            [(point.users, point.failed_pct) for point in one.points],
        )
        for one in cliffs
    ]
    curve(lines, words)


def ways(cures: Sequence[Tried], others: Sequence[Tried]) -> None:
    """Draw each wave under each way of holding a session."""
    passed = sum(sum(tried.point.failed) == 0 for tried in cures)
    stalled = sum(sum(tried.point.failed) > 0 for tried in others)
    rows = [
        Row(tried.way.name, [100 * count / tried.point.users for count in tried.point.failed])
        for tried in (*cures, *others)
    ]
    waves = sum(len(row.values) for row in rows)
    title = f"{passed} of {len(cures)} cures answered everything; {stalled} of {len(others)} others failed"
    strip(rows, Words(title, f"{waves} waves of {USERS} requests at once; a dot is a wave", "requests failed, %"))


def canaries(blocking: Beside, threads: Beside) -> None:
    """Draw what the canary waited beside each form of the same handler."""
    times = blocking.median_ms / threads.median_ms
    title = (
        f"A driver that blocks the event loop makes everybody wait: about {float(f'{times:.1g}'):g} times as long"
        if times >= 2
        else "The canary waited about as long beside both"
    )
    subtitle = f"n = {len(blocking.canary_ms)} and {len(threads.canary_ms)} requests of a canary; "
    subtitle += f"{blocking.crowd.users} users beside it"
    rows = [Row("async def, blocking driver", blocking.canary_ms), Row("def, in a thread", threads.canary_ms)]
    strip(rows, Words(title, subtitle, "canary's latency, ms (log scale)"), log=True)


def blocked(holders: Sequence[Blocked]) -> pd.DataFrame:
    """Return how many dead rows stayed beside each holder, and what pg_stat_activity shows of it."""
    return pd.DataFrame(
        {
            "idle transaction": [one.holder for one in holders],
            "dead rows": [one.dead for one in holders],
            "not removable": [one.not_removable for one in holders],
            "backend_xid": ["set" if one.has_xid else "" for one in holders],
            "backend_xmin": ["set" if one.has_xmin else "" for one in holders],
        }
    )


def canary_table(*sides: Beside) -> pd.DataFrame:
    """Return what a crowd and the canary beside it saw, a row for each route."""
    return pd.DataFrame(
        {
            "route": [side.route for side in sides],
            "requests": [side.crowd.users for side in sides],
            "failed": [side.crowd.failed for side in sides],
            "canary's longest wait, ms": [round(max(side.canary_ms)) for side in sides],
        }
    )


def outside_table(*sides: Outside) -> pd.DataFrame:
    """Return the answers per second, their bound, and what the server's sessions did, a row for each route."""
    return pd.DataFrame(
        {
            "route": [side.route for side in sides],
            "answers per second": [round(side.crowd.per_s, 1) for side in sides],
            "connections / hold": [side.bound_per_s for side in sides],
            "idle in transaction": [side.idle_in_transaction for side in sides],
            "active": [side.active for side in sides],
        }
    )
