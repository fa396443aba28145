"""The figures and tables of the lesson on autovacuum."""

from collections.abc import Sequence
from itertools import pairwise

import pandas as pd

from lab.chart import climb, plain
from lab.chart.climb import Climbing
from lab.chart.plain import Line, Words
from lab.demonstrate.churn import LOOKS, OFF, Churned, Mended, Season
from lab.demonstrate.ground import Ground
from lab.demonstrate.held import Held
from lab.demonstrate.triggers import Came, Climb
from lab.lesson.display import show
from lab.lesson.pictures import curve
from lab.units import format_number

_TIME = "time, s"


def counts(seen: Sequence[Came], ground: Ground) -> pd.DataFrame:
    """Return what was predicted of each table and what came, at its threshold and one row beyond."""
    return pd.DataFrame(
        {
            "what counts": [one.case.name for one in seen],
            "rows": [one.case.rows for one in seen],
            "believed (reltuples)": [int(one.reltuples) for one in seen],
            "threshold": [round(one.threshold, 1) for one in seen],
            "count": [one.at.count for one in seen],
            "came": [one.at.runs for one in seen],
            "next count": [one.over.count for one in seen],
            "then came": [one.over.runs for one in seen],
        }
    ).rename_axis(f"PostgreSQL {ground.server.programs.version_text}", axis="columns")


def moments(climbs: Sequence[Climb]) -> None:
    """Show dead rows climbing, the moments that were predicted, and those at which autovacuum came."""
    inside = sum(one.outside_s == 0 for one in climbs)
    title = (
        "Autovacuum came when it was expected"
        if inside == len(climbs)
        else f"Autovacuum came when it was expected to {inside} of {len(climbs)} tables"
    )
    words = Words(
        title,
        f"{len(climbs)} tables of {climbs[0].rows:,} rows; predicted half-way (small arrow), from the counters; "
        "the mark is when it came",
        _TIME,
        "dead rows",
        limits={"threshold": float(climbs[0].first - 1)},
    )
    tables = [
        Climbing(f"{one.rate_per_s:g} rows/s", one.points, one.predicted_at_s, one.earliest_s, one.latest_s, one.came_s)
        for one in climbs
    ]
    # rates are those of the scale, and no part of what is compared
    names = [f"table {number}" for number in range(1, len(climbs) + 1)]
    show(climb.climb(tables, words), plain.structure(words, names), words.title)


def dead(season: Season, guess: float | None = None) -> None:
    """Show the share of dead rows over time; *guess* is of the share at which autovacuum comes, %.

    The axis ends where those with autovacuum do: the other one leaves it.
    """
    pct = {one.treatment: 100 * one.peak / season.rows for one in season.tables}
    treated = [share for treatment, share in pct.items() if treatment != OFF]
    falling = all(more > less for more, less in pairwise(treated)) and pct.get(OFF, 0.0) > max(treated)
    words = Words(
        "The smaller the scale factor, the fewer dead rows"
        if falling
        else "The scale factors do not differ clearly in their dead rows",
        _subtitle(season),
        _TIME,
        "dead rows, % of the live ones",
        guesses={} if guess is None else {f"your guess {guess:g} %": guess},
    )
    lines = [Line(_name(one, pct[one.treatment]), _saw(one, season.rows)) for one in season.tables]
    figure = plain.curve(lines, words, top=1.5 * max([*treated, guess or 0.0]))
    show(figure, plain.structure(words, [one.treatment.name for one in season.tables]), words.title)


def _name(one: Churned, peak_pct: float) -> str:
    return f"{one.treatment.name}, to {peak_pct:.0f} %" if one.treatment == OFF else one.treatment.name


def _saw(one: Churned, rows: int) -> list[tuple[float, float]]:
    """Return the share of dead rows before and after each visit, %, up to the last visit."""
    both = [
        (at, 100 * count / rows)
        for seen in one.rounds
        for at, count in ((seen.before_s, seen.dead_before), (seen.after_s, seen.after.dead))
    ]
    return both[:-1]


def sizes(season: Season) -> None:
    """Show how large each table is over time, with its index."""
    off, others = season.of(OFF), [one for one in season.tables if one.treatment != OFF]
    grows = all(off.size_bytes > one.size_bytes for one in others)
    words = Words(
        "Without autovacuum the table grows without end" if grows else "The tables do not differ clearly in size",
        _subtitle(season),
        _TIME,
        "table and index, MB",
    )
    lines = [_line(one, [seen.after.size_bytes / 1e6 for seen in one.rounds]) for one in season.tables]
    curve(lines, words)


def reads(season: Season) -> None:
    """Show how many blocks the server reads for one row by its key, over time."""
    last = {one.treatment: one.rounds[-1].cost.blocks for one in season.tables}
    smallest = [treatment for treatment in last if treatment != OFF][-1]
    off, least = last[OFF], last[smallest]
    words = Words(
        f"One row by its key takes {off} blocks without autovacuum, {least} at a factor of {smallest.name}"
        if off >= 1.5 * least
        else f"One row by its key takes {off} blocks without autovacuum, and {least} with the smallest scale factor",
        "the oldest session of each table, looked at after every visit; the title tells of the last one",
        _TIME,
        "blocks for one row (log scale)",
    )
    curve([_line(one, [seen.cost.blocks for seen in one.rounds]) for one in season.tables], words, log_y=True)


def _line(one: Churned, values: Sequence[float]) -> Line:
    return Line(one.treatment.name, list(zip([seen.after_s for seen in one.rounds], values, strict=True)))


def _subtitle(season: Season) -> str:
    rounds = len(season.tables[0].rounds)
    return f"{season.rows:,} live rows in each table, {season.count:,} of them replaced before each of {rounds} visits"


def costs(season: Season) -> pd.DataFrame:
    """Return what each treatment led to: runs, the most dead rows, the size, and what the innocent query reads."""
    return pd.DataFrame(
        {
            "scale factor": [one.treatment.name for one in season.tables],
            "runs of autovacuum": [one.vacuums for one in season.tables],
            "dead rows, at most": [one.peak for one in season.tables],
            "MB at the end": [round(one.size_bytes / 1e6, 2) for one in season.tables],
            "blocks for one row": [one.rounds[-1].cost.blocks for one in season.tables],
            f"its time, ms, median of {LOOKS}": [format_number(one.rounds[-1].cost.median_ms) for one in season.tables],
        }
    )


def before_and_after(one: Mended) -> pd.DataFrame:
    """Return a table before autovacuum was switched on again and after its next visit."""
    sides = ((one.before, one.cost_before), (one.after, one.cost_after))
    return pd.DataFrame(
        {
            "": ["switched off", "after one visit"],
            "dead rows": [counted.dead for counted, _ in sides],
            "blocks for one row": [cost.blocks for _, cost in sides],
            "MB": [round(counted.size_bytes / 1e6, 2) for counted, _ in sides],
        }
    )


def holders(seen: Sequence[Held]) -> pd.DataFrame:
    """Return what autovacuum did beside each idle transaction, and who the server says was in its way."""
    return pd.DataFrame(
        {
            "idle transaction": [one.holder for one in seen],
            "dead rows": [one.dead for one in seen],
            "runs of autovacuum": [one.runs for one in seen],
            "dead rows then": [one.left for one in seen],
            "who holds the horizon": [one.named or "nobody" for one in seen],
            "dead rows when it had ended": [one.left_after for one in seen],
        }
    )
