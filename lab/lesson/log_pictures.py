"""The tables and the figure of 10_slow_query_log."""

from collections.abc import Sequence

import pandas as pd

from lab.chart.plain import Row, Words
from lab.demonstrate.slow_log import Mixture, Written
from lab.lesson.pictures import strip
from lab.units import format_number


def logged(found: Mixture, guess: float | None = None) -> None:
    """Show each statement as a dot by its time, and the threshold; *guess* is where the reader would put it, ms."""
    count, sent = found.slow_logged + found.short_logged, len(found.slow_ms) + len(found.short_ms)
    elsewhere = 100 * found.missing_share_of_time
    words = Words(
        f"{count} of {sent} statements are in the log; {format_number(elsewhere)} % of the time is in the others",
        f"n = {sent}, one after the other in one session; a dot is a statement, as its client waited for it",
        "time, ms (log scale)",
        limits={f"log_min_duration_statement {found.threshold_ms:g}": found.threshold_ms},
        guesses={} if guess is None else {f"your guess {guess:g}": guess},
    )
    strip(
        [Row(f"slow, {len(found.slow_ms)}", found.slow_ms), Row(f"short, {len(found.short_ms)}", found.short_ms)],
        words,
        log=True,
    )


def counts(found: Mixture) -> pd.DataFrame:
    """Return what was sent and what is in the log, and how long both took."""
    rows = {
        "slow": (len(found.slow_ms), found.slow_logged, sum(found.slow_ms)),
        "short": (len(found.short_ms), found.short_logged, sum(found.short_ms)),
    }
    return pd.DataFrame(rows, index=["sent", "in the log", "time of all, ms"]).T.astype(float).round(0)


def written(drivers: Sequence[Written]) -> pd.DataFrame:
    """Return what each driver's statements look like in the log."""
    columns = ("sent", "entries", "statements", "texts", "details", "groups")
    return pd.DataFrame({one.driver: [getattr(one, name) for name in columns] for one in drivers}, index=columns).T
