"""The tables and the figure of 10_slow_query_log."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from lab.chart.plain import Line, Words
from lab.demonstrate.slow_log import Explained, Mixture, Parsed, Rights, Written
from lab.lesson.pictures import curve
from lab.units import format_number

_POINTS = 40


def missed(found: Mixture, guess: float | None = None) -> None:
    """Show what share of the time a log would not have, by its threshold; *guess* is a share at this one, %."""
    sent, threshold_ms = len(found.slow_ms) + len(found.short_ms), found.threshold_ms
    words = Words(
        f"{found.slow_logged + found.short_logged} of {sent} statements are in the log, and "
        f"{format_number(100 * found.missing_share_of_time)} % of the time is not",
        f"n = {sent}, one after the other in one session; times as the client waited",
        "threshold, ms (log scale)",
        "time in statements below it, %",
        guesses={} if guess is None else {f"your guess {guess:g}": guess},
        x_limits={f"threshold {threshold_ms:g} ms": threshold_ms},
    )
    curve([Line("not in the log", _below(found))], words, log_x=True)


def _below(found: Mixture) -> list[tuple[float, float]]:
    """Return the share of all time in statements shorter than each of some thresholds, %."""
    times_ms = np.array([*found.slow_ms, *found.short_ms])
    thresholds_ms = np.geomspace(times_ms.min() / 4, 2 * times_ms.max(), _POINTS)
    return [(float(at), float(100 * times_ms[times_ms < at].sum() / times_ms.sum())) for at in thresholds_ms]


def counts(found: Mixture) -> pd.DataFrame:
    """Return what was sent and what is in the log, and how long both took."""
    rows = {
        "slow": (len(found.slow_ms), found.slow_logged, sum(found.slow_ms)),
        "short": (len(found.short_ms), found.short_logged, sum(found.short_ms)),
    }
    return pd.DataFrame(rows, index=["sent", "in the log", "time of all, ms"]).T.astype(float).round(0).astype(int)


def parsed(found: Parsed) -> pd.DataFrame:
    """Return how many statements each way of reading found, and their time, where it was added up."""
    ways = {"line by line": found.by_line, "as CSV": found.by_csv}
    ways |= {f"{form}, by the lab": count for form, count in found.by_form.items()}
    times = {f"{form}, by the lab": f"{took_ms:.1f}" for form, took_ms in found.duration_ms.items()}
    rows = [(way, found.sent, count, times.get(way, "")) for way, count in ways.items()]
    return pd.DataFrame(rows, columns=["read", "sent", "found", "time of all, ms"]).set_index("read")


def rights(found: Rights) -> pd.DataFrame:
    """Return who could have everything logged, and what was in the log then; a refusal by its SQLSTATE."""
    granted = "no such right before 15" if found.granted is None else _said(found.granted)
    rows = [
        ("a plain role sets it", _said(found.plain), "", ""),
        ("the same, with the right granted", granted, "", ""),
        ("a superuser: its own session", "allowed", found.sent, found.own_logged),
        ("other sessions meanwhile", "", found.sent, found.others_logged),
        ("a plain role after ALTER ROLE", "", found.sent, found.by_role_logged),
    ]
    return pd.DataFrame(rows, columns=["who", "the server says", "sent", "in the log"]).set_index("who")


def _said(state: str) -> str:
    return f"refused ({state})" if state else "allowed"


def explained(found: Explained) -> pd.DataFrame:
    """Return what the log has of executions with plans, and what is counted."""
    rows = {
        "executions": found.sent,
        "entries with a duration": found.entries,
        "of them plans": found.plans,
        "statements, by the lab": found.statements,
        "with their plan": found.joined,
    }
    return pd.DataFrame({"count": rows})


def written(drivers: Sequence[Written]) -> pd.DataFrame:
    """Return what each driver's statements look like in the log."""
    columns = ("sent", "entries", "statements", "texts", "details", "groups")
    return pd.DataFrame({one.driver: [getattr(one, name) for name in columns] for one in drivers}, index=columns).T
