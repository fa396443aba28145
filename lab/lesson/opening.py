"""The tables and figures of 01_cost_of_a_connection; their titles say what was measured."""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

import pandas as pd

from lab.chart.plain import Line, Row, Words
from lab.demonstrate.connects import PASSWORD, PLAIN, AtOnce, Opened
from lab.demonstrate.memory import FIGURES, Grown
from lab.lesson.pictures import curve, strip
from lab.units import format_number

_MB = 1024**2
_NAMES = dict(zip(FIGURES, ("RSS", "PSS", "private"), strict=True))


def table(opened: Mapping[str, Opened]) -> pd.DataFrame:
    """Return what each way took: medians of times, means of CPU, and the server's own account (18 and later), ms."""
    return pd.DataFrame({name: _row(one) for name, one in opened.items()}).T.astype(float).round(2)


def _row(one: Opened) -> dict[str, Any]:
    setup = one.setup
    return {
        "to open": one.ms,
        "client CPU": one.client_cpu_ms,
        "server CPU": one.server_cpu_ms,
        "server's log: total": setup and setup.total_ms,
        "fork": setup and setup.fork_ms,
        "password": setup and setup.authentication_ms,
    }


def ways(opened: Mapping[str, Opened], guess: float | None = None) -> None:
    """Show the time to open a connection, by way."""
    plain, password = opened[PLAIN].ms, opened[PASSWORD].ms
    words = Words(
        f"{format_number(password)} ms to open a connection with SCRAM, {format_number(plain)} ms without",
        f"{len(opened[PLAIN].times_ms)} of each, one after the other, in mixed order; all on one machine",
        "time to open a connection, ms",
        guesses=_guess(guess),
    )
    strip([Row(name, one.times_ms) for name, one in opened.items()], words, log=True)


def waiting(swept: Mapping[str, Sequence[AtOnce]], guess: float | None = None) -> None:
    """Show how long opening a connection takes with more at the same time; *guess* is a multiple of one alone."""
    alone, many = swept[PASSWORD][0], swept[PASSWORD][-1]
    words = Words(
        f"With {many.clients} at once, opening takes {many.ms / alone.ms:.0f} times as long as alone",
        _load_of(swept),
        "clients that open connections at the same time",
        "mean time to open one, ms",
        guesses=_guess(guess * alone.ms if guess is not None else None),
    )
    curve(_lines(swept, "ms"), words, log_x=True, log_y=True)


def rates(swept: Mapping[str, Sequence[AtOnce]]) -> None:
    """Show how many connections were opened per second."""
    alone, many = swept[PASSWORD][0], swept[PASSWORD][-1]
    words = Words(
        f"{many.clients} clients open {many.per_s / alone.per_s:.1f} times as many connections as one",
        _load_of(swept),
        "clients that open connections at the same time",
        "connections opened per second",
    )
    curve(_lines(swept, "per_s"), words, log_x=True)


def memory(grown: Grown, guess: float | None = None) -> None:
    """Show RSS, PSS and private memory of each backend at the three moments; *guess* is in MB."""
    rss, private = grown.scanned.middle("rss_bytes") or 0.0, grown.scanned.middle() or 0.0
    words = Words(
        f"After a scan RSS says {format_number(rss / _MB)} MB, and {format_number(private / _MB)} MB are its own",
        f"{len(grown.fresh.pids)} connections, each a dot; a table of {grown.table_bytes // _MB} MB was scanned",
        "memory of a backend, MB",
        guesses=_guess(guess),
    )
    rows = [
        Row(f"{_NAMES[figure]}, {taken.stage}", [value / _MB for value in getattr(taken, figure)])
        for figure in FIGURES
        for taken in grown.stages
    ]
    strip(rows, words, log=True)


def sizes(grown: Grown) -> pd.DataFrame:
    """Return the medians of RSS, PSS and private memory at the three moments, MB."""
    middles = {taken.stage: [taken.middle(figure) for figure in FIGURES] for taken in grown.stages}
    return (pd.DataFrame(middles, index=[_NAMES[figure] for figure in FIGURES]).astype(float) / _MB).round(1)


def times_as_fast(before_s: float, after_s: float, guess: float | None = None) -> pd.DataFrame:
    """Return what a job took before and after, and by how much it is faster, beside the guess."""
    values = {"before, s": before_s, "after, s": after_s, "times as fast": before_s / after_s, "your guess": guess}
    return pd.DataFrame({"the job": values}).T.astype(float).round(3)


def _guess(value: float | None) -> dict[str, float]:
    return {} if value is None else {"your guess": value}


def _lines(swept: Mapping[str, Sequence[AtOnce]], figure: str) -> list[Line]:
    return [Line(name, [(one.clients, getattr(one, figure)) for one in series]) for name, series in swept.items()]


def _load_of(swept: Mapping[str, Sequence[AtOnce]]) -> str:
    took_s = median(one.took_s for series in swept.values() for one in series)
    count = sum(len(one.times_ms) for series in swept.values() for one in series)
    slowest_ms = max(max(one.times_ms) for series in swept.values() for one in series)
    return (
        f"{count} connections, {took_s:.1f} s for each point; the slowest took {slowest_ms:.0f} ms; all on one machine"
    )
