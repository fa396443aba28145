"""The tables and figures of the lesson on bloat; their titles say what was measured."""

from collections.abc import Mapping, Sequence

import pandas as pd

from lab.chart import bloat as charts
from lab.chart.bloat import Course, Said
from lab.chart.plain import Line, Row, Words
from lab.demonstrate.bloat import CLASSIC, Cold, Shown, ShownIndex
from lab.demonstrate.growth import Grown
from lab.demonstrate.hot import Updated
from lab.lesson.display import show
from lab.lesson.pictures import curve, strip
from lab.record.bloat import APPROX, COUNTERS, ESTIMATE, EXACT, MB
from lab.units import format_number

_FAR_INDEX = 8.0  # a small index has few pages
_WAYS = (EXACT, APPROX, ESTIMATE, CLASSIC)


def answers(shown: Shown) -> pd.DataFrame:
    """Return what each way says of one table: shares of the file in %, dead rows, and what the look cost."""
    spaces = {way: shown.by(way) for way in (EXACT, APPROX, ESTIMATE, COUNTERS)}
    rows = {
        way: {
            "VACUUM would free, %": _tenths(space.dead_pct),
            "new rows can use, %": _tenths(space.reuse_pct),
            "a rewrite gives back, %": _tenths(space.rewrite_pct),
            "dead rows": _count(space.dead_rows),
        }
        for way, space in spaces.items()
    }
    return pd.DataFrame(rows).T


def _tenths(value: float | None) -> str:
    return "says nothing" if value is None else f"{value:.1f}"


def _count(value: float | None) -> str:
    return "says nothing" if value is None else f"{value:,.0f}"


def files(deleted: Shown, vacuumed: Shown, guess_pct: float | None = None) -> None:
    """Show the file before VACUUM, after it, and written anew; *guess_pct*: by how much VACUUM makes it smaller."""
    before, after, anew = (size / MB for size in (deleted.before_bytes, vacuumed.before_bytes, vacuumed.after_bytes))
    told = (
        "VACUUM leaves the file as it is"
        if after == before
        else f"VACUUM makes the file {after / before:.2f} times as large"
    )
    words = Words(
        f"{told}, a rewrite makes it {100 * (1 - anew / before):.0f} % smaller",
        "one table, every other row of it deleted",
        "file, MB",
        guesses={} if guess_pct is None else {"your guess": before * (1 - guess_pct / 100)},
    )
    strip([Row("half deleted", [before]), Row("vacuumed", [after]), Row("written anew", [anew])], words)


def orders(before_bytes: int, after_bytes: int | None, guess_pct: float | None = None) -> None:
    """Show the file with its columns as they lay and in the reader's order; *guess_pct*: by how much it is smaller."""
    before, after = before_bytes / MB, (after_bytes or before_bytes) / MB
    words = Words(
        f"The same rows take {100 * (1 - after / before):.0f} % less in the new order",
        "the same columns and rows in both files",
        "file, MB",
        guesses={} if guess_pct is None else {"your guess": before * (1 - guess_pct / 100)},
    )
    strip([Row("as they lay", [before]), Row("your order", [after])], words)


def costs(looks: Sequence[Cold]) -> pd.DataFrame:
    """Return what each cold look read and took."""
    rows = {
        (one.scene, one.way): {
            "pages of the table": _count(one.pages),
            "pages read, maps and catalog too": _count(one.read_pages),
            "ms": _tenths(one.took_ms),
        }
        for one in looks
    }
    return pd.DataFrame(rows).T


def said(shown: Mapping[str, Shown], rows: int) -> None:
    """Show what each way says that a rewrite would give back, beside what it gave back."""
    wrong = {way: sum((one.off(way) or 0) > charts.FAR_POINTS for one in shown.values()) for way in _WAYS}
    best = min(wrong[way] for way in _WAYS)
    title = (
        f"The usual estimate is far off in {wrong[CLASSIC]} of {len(shown)} tables, the lab's in {wrong[ESTIMATE]}"
        if wrong[CLASSIC] > best
        else "No way is farther from the truth than another"
    )
    values = [
        Said(name, one.rewrite_pct, {way: one.by(way).rewrite_pct for way in _WAYS}) for name, one in shown.items()
    ]
    subtitle = f"{rows:,} rows each; ways that are more than {charts.FAR_POINTS:g} points off are named"
    x = "what a rewrite would give back, % of the file"
    show(charts.said(values, title, subtitle, x), f"chart: {x}; {', '.join(shown)}", title)


def indexes(found: Sequence[ShownIndex]) -> None:
    """Show what each way says that REINDEX would give back, beside what it gave back."""
    negative = sum((one.usual.rebuild_pct or 0) < -_FAR_INDEX for one in found)
    title = "An estimate that does not merge duplicates is far below zero" if negative else "No estimate is negative"
    values = [
        Said(
            one.name,
            one.rebuild_pct,
            {**{way: space.rebuild_pct for way, space in one.spaces.items()}, CLASSIC: one.usual.rebuild_pct},
        )
        for one in found
    ]
    pages = max(one.before_bytes // 8192 for one in found)
    x = "what REINDEX would give back, % of the file"
    subtitle = f"{len(found)} indexes of up to {pages} pages; ways more than {_FAR_INDEX:g} points off are named"
    names = ", ".join(one.name for one in found)
    show(charts.said(values, title, subtitle, x, _FAR_INDEX), f"chart: {x}; {names}", title)


def hot(free: Sequence[Updated], indexed: Sequence[Updated], guess: float | None = None) -> None:
    """Show the share of HOT updates by fillfactor, without and with an index on the column that changes."""
    full, most = free[0], max(free, key=lambda one: one.hot_pct)
    title = (
        f"{format_number(full.hot_pct)} % of the updates are HOT in full pages, {format_number(most.hot_pct)} % at best"
    )
    words = Words(
        title,
        f"{full.made:,} updates of as many rows for each point, a fifth of them at a time",
        "fillfactor, %",
        "HOT updates, % of all",
        guesses={} if guess is None else {"your guess": guess},
    )
    lines = [
        Line(
            "column without index",
            [(one.fillfactor, one.hot_pct) for one in sorted(free, key=lambda one: one.fillfactor)],
        ),
        Line(
            "column with an index",
            [(one.fillfactor, one.hot_pct) for one in sorted(indexed, key=lambda one: one.fillfactor)],
        ),
    ]
    curve(lines, words)


def room(updated: Sequence[Updated]) -> pd.DataFrame:
    """Return by fillfactor: HOT share, new rows that went to another page (16 and later), and the file in MB."""
    rows = {
        one.fillfactor: {
            "HOT, %": _tenths(one.hot_pct),
            "to another page": _count(one.newpage),
            "fresh file, MB": f"{one.fresh_bytes / MB:.2f}",
            "after, MB": f"{one.after_bytes / MB:.2f}",
        }
        for one in updated
    }
    return pd.DataFrame(rows).T.rename_axis("fillfactor")


def course(never: Grown, sometimes: Grown, guess: float | None = None) -> None:
    """Show both courses; *guess*: how many times its first size the file has without VACUUM."""
    title = (
        f"The file grows {never.grown:.1f} times without VACUUM and {sometimes.grown:.1f} times with it"
        if never.grown > 1.5 * sometimes.grown
        else "With and without VACUUM the file grows alike"
    )
    shrunk = never.shrunk + sometimes.shrunk
    subtitle = (
        f"every row updated {len(never.after_rounds)} times, {len(never.samples)} and {len(sometimes.samples)} looks; "
        + ("the file never became smaller" if not shrunk else f"the file became smaller {shrunk} times")
    )
    first_mb = never.samples[0].size_bytes / MB
    guess_mb = None if guess is None else guess * first_mb
    panels = [
        Course("never vacuumed", never.samples, never.vacuumed_s),
        Course(f"vacuumed after every {sometimes.vacuum_every} rounds", sometimes.samples, sometimes.vacuumed_s),
    ]
    show(charts.course(panels, title, subtitle, guess_mb), "chart: MB by time, s; file, free in it, dead in it", title)
