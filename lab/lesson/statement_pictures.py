"""The tables and figures of the lesson on statement statistics. Every title is computed from what it shows."""

from collections.abc import Mapping, Sequence

import pandas as pd

from lab.analyse import likeness
from lab.analyse.n_plus_one import NPlusOne
from lab.chart.plain import Row, Words
from lab.demonstrate.index_use import Enforced, Planned, Used
from lab.demonstrate.run_statements import Listed, Pinged, Ran, Watched
from lab.demonstrate.whatif import Tried
from lab.lesson.desk import bench
from lab.lesson.pictures import strip
from lab.lesson.tables import table as small
from lab.record.indexes import Finding
from lab.sql.normal import normalise
from lab.units import format_bytes, format_number, format_ratio

_WIDE = 48


def cut(text: str) -> str:
    """Return a statement's normalised text, no longer than a column of a table."""
    return text if len(text) <= _WIDE else f"{text[: _WIDE - 1]}…"


def table(found: Ran, least_calls: int = 1) -> pd.DataFrame:
    """Return what ran, the costliest in total first: calls, total, mean and spread in ms, rows, blocks."""
    rows = [
        {
            "statement": cut(normalise(one.query)),
            "calls": one.calls,
            "total, ms": format_number(one.total_exec_ms),
            "mean, ms": format_number(one.mean_exec_ms),
            "spread, ms": format_number(one.stddev_exec_ms),
            "rows": one.rows,
            "blocks": one.blocks,
        }
        for one in found.statements
        if (one.calls or 0) >= least_calls and (one.total_exec_ms or 0) >= 0.05
    ]
    return pd.DataFrame(rows)


def watched(left_alone: Watched, disturbed: Watched) -> pd.DataFrame:
    """Return what was asked between two looks, and what came out, with and without somebody's reset."""
    rows = {"left alone": left_alone, "reset in between": disturbed}
    return small(rows, {"sent": "asked", "counted": "by two looks", "shown": "the view shows"})


def pinged(with_ping: Pinged, without: Pinged) -> pd.DataFrame:
    """Return what a pool's checkouts and the application's own questions are in the statistics."""
    columns = {"checkouts": "checkouts", "own": "health checks", "rows": "lines", "calls": "calls"}
    made = small({"with pre-ping": with_ping, "without": without}, columns)
    made["lines"] = [", ".join(text for text, _ in one.rows) for one in (with_ping, without)]
    return made


def lists(in_lists: Listed, arrays: Listed) -> pd.DataFrame:
    """Return how many statements lists of several lengths are, to the server and by their text."""
    columns = {"lengths": "lengths", "calls": "calls", "rows": "lines of the server's", "texts": "normalised texts"}
    return small({"IN (…)": in_lists, "= ANY (array)": arrays}, columns)


def scans(enforced: Enforced, planned: Planned) -> pd.DataFrame:
    """Return what was asked of two indexes, and the scans that were counted."""
    rows = {
        "a unique index": (
            f"refused {enforced.refused} rows of {enforced.refused + enforced.accepted}",
            enforced.scans,
        ),
        "an index that no statement uses": (f"{planned.explained} times EXPLAIN, and nothing run", planned.scans),
    }
    return pd.DataFrame.from_dict(rows, orient="index", columns=["what happened", "scans"])


def pages(found: Mapping[str, Ran], guess: float | None) -> None:
    """Show how many statements each way of making the page sends."""
    most, least = max(one.each for one in found.values()), min(one.each for one in found.values())
    words = Words(
        f"The same page takes {most:g} statements in one way, and {least:g} in another"
        if most > least
        else "All ways send the same number of statements",
        f"a page of 20 posts with their authors; {sum(sum(one.requests.values()) for one in found.values())} requests, "
        "one after the other; BEGIN and ROLLBACK are not counted; scale " + bench().config.scale,
        "statements for each page",
        guesses={} if guess is None else {"your guess, first way": guess},
    )
    strip([Row(way, [one.each]) for way, one in found.items()], words)


def loops(found: Sequence[NPlusOne]) -> None:
    """Print the statements that were sent for each row of another, and the counts that say so."""
    for one in found:
        print(f"{one.child.statement}\n    {one.evidence}")  # noqa: T201


def tried(found: Tried, guess: float | None = None) -> None:
    """Show the times of a statement without an index and with it, each pair a dot; *guess*: times as fast."""
    bounds = found.effect
    change = 1 / bounds.ratio
    faster = found.verdict == "faster"
    interval = ""
    if bounds.low is not None and bounds.high is not None:
        interval = f"; 95 % interval {format_number(1 / bounds.high)} to {format_number(1 / bounds.low)} times"
    words = Words(
        f"The index makes the search {format_number(round(change, 1))} times as fast, with {found.after.blocks} blocks "
        f"instead of {found.before.blocks}"
        if faster
        else "The index does not make the search clearly faster",
        f"{len(found.before.times_ms)} pairs in random order, in a transaction that is rolled back{interval}; "
        "one client, warm cache; scale " + bench().config.scale,
        "time of one execution, ms (log scale)",
        guesses={} if not guess else {"your guess": found.before.ms / guess},
    )
    rows = [Row("without the index", found.before.times_ms), Row("with the index", found.after.times_ms)]
    strip(rows, words, log=True)


def sides(found: Tried, names: tuple[str, str]) -> pd.DataFrame:
    """Return plan, blocks, rows, WAL and time of both sides of a what-if, by *names*; the ratio with its interval."""
    both = dict(zip(names, (found.before, found.after), strict=True))
    bounds = found.effect
    ratio = format_ratio(bounds.ratio)
    if bounds.low is not None and bounds.high is not None:
        ratio += f" ({format_ratio(bounds.low)} to {format_ratio(bounds.high)})"
    rows = {
        name: {
            "plan": ", ".join(dict.fromkeys(node.partition(" using ")[0].partition(" on ")[0] for node in side.plan)),
            "blocks": side.blocks,
            "rows": side.rows,
            "WAL": format_bytes(side.wal_bytes),
            "median, ms": format_number(side.ms),
            "time, ratio (95 %)": "1" if side is found.before else ratio,
        }
        for name, side in both.items()
    }
    return pd.DataFrame(rows).T


def side_by_side(first: Ran, second: Ran) -> pd.DataFrame:
    """Return the statements of two runs by their text: calls, blocks and mean time in each, and the ratio of blocks."""
    rows = []
    for both in likeness.side_by_side(first.uses, second.uses, "blocks"):
        if both.first and both.second and both.first.blocks:
            row: dict[str, object] = {"statement": cut(both.statement)}
            for name, use in (("1st", both.first), ("2nd", both.second)):
                row |= {f"calls, {name}": use.calls, f"blocks, {name}": use.blocks, f"mean, ms, {name}": use.mean_ms}
            rows.append({**row, "blocks, 2nd/1st": both.ratio("blocks")})
    return pd.DataFrame(rows).round(3)


def uses(*found: Used) -> pd.DataFrame:
    """Return what was asked with each set of indexes, the blocks for each call, and the scans of each index."""
    return pd.DataFrame(
        {
            "indexes": [", ".join(one.scans) or "none" for one in found],
            "asked": [one.asked for one in found],
            "blocks for each": [round(one.blocks_per_call, 1) for one in found],
            "scans": [", ".join(str(count) for count in one.scans.values()) for one in found],
        }
    )


def advice(findings: Sequence[Finding]) -> None:
    """Print what the lab makes of the indexes: each with its evidence, and with what speaks against acting on it."""
    for one in findings:
        print(f"{one.kind}: {one.what}")  # noqa: T201
        for text in one.evidence:
            print(f"    {text}")  # noqa: T201
        for text in one.cautions:
            print(f"    but {text}")  # noqa: T201
