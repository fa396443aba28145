"""One table's count against the threshold that it has to cross, over time: predicted and seen.

The count is a line with a dot for every look, the threshold a dark grey line, which moves when VACUUM or ANALYZE set
``reltuples`` anew. The interval in which autovacuum was expected is a grey band, from the moment at which that was
said; each run is an upright line in the colour of the count.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from lab.analyse import autovacuum
from lab.chart.plain import EXTRA, WIDTH_IN, byline, headline
from lab.chart.style import (
    BODY,
    GREY,
    GRID,
    INK,
    SOFT,
    TEXT,
    TITLE,
    axes_width_in,
    blank,
    spread,
    styled,
    text_width_in,
)
from lab.record.autovacuum import ANALYZE, VACUUM, Look, Prediction, Table

_HEIGHT_IN = 5.2
_BAND = "#dddddd"


@dataclass(frozen=True, slots=True)
class Course:
    """One table over time, seconds since the first look: what counts, its threshold, and when runs were seen."""

    table: str
    reason: str
    counts: tuple[tuple[float, float], ...]
    thresholds: tuple[tuple[float, float], ...]
    runs_s: tuple[float, ...]  # when each of them ended; of several between two looks the last
    seconds: float
    prediction: Prediction | None = None
    predicted_at_s: float = 0.0


def course(looks: Sequence[Look], oid: int, prediction: Prediction | None = None) -> Course:
    """Return what the looks say of one table, for the reason of the prediction; without one, for its dead rows."""
    start, action = looks[0].at, prediction.action if prediction else VACUUM
    usual = autovacuum.CHANGES if action == ANALYZE else autovacuum.DEAD
    reason = prediction.reason if prediction and prediction.earliest_s is not None else usual
    counts, thresholds, ends = [], [], set()
    for look in looks:
        table = look.table(oid)
        if table is None:
            continue
        at_s = (look.at - start).total_seconds()
        triggers = (autovacuum.analyze_triggers if action == ANALYZE else autovacuum.vacuum_triggers)(table, look)
        for trigger in triggers:
            if trigger.reason == reason:
                counts.append((at_s, float(trigger.count)))
                thresholds.append((at_s, trigger.threshold))
        end = table.last_autoanalyze if action == ANALYZE else table.last_autovacuum
        if end is not None and end >= start:
            ends.add((end - start).total_seconds())
    named: Table | None = next((found for look in looks if (found := look.table(oid))), None)
    return Course(
        named.full_name if named else str(oid), reason, tuple(counts), tuple(thresholds), tuple(sorted(ends)),
        (looks[-1].at - start).total_seconds(), prediction,
        (prediction.made_at - start).total_seconds() if prediction else 0.0,
    )  # fmt: skip


def finding(one: Course) -> str:
    """Return the title: what was expected, and what was seen of it."""
    said = one.prediction
    after = [end for end in one.runs_s if end >= one.predicted_at_s]
    before = len(after) < len(one.runs_s)
    came_before = f"Autovacuum came to {_do(said)} {one.table} before the prediction"
    if said is None or said.earliest_s is None:
        seen = f"ran {len(after)} times" if len(after) > 1 else "ran once" if after else "did not run"
        if before:
            return f"{came_before}; it was not expected again, and after that it {seen}"
        return f"Autovacuum was not expected to {_do(said)} {one.table}, and {seen}"
    if not after:
        return (
            f"{came_before}, and not again so far"
            if before
            else f"Autovacuum has not yet come to {_do(said)} {one.table}"
        )
    late = said.latest_s is not None and after[0] > one.predicted_at_s + said.latest_s
    early = after[0] < one.predicted_at_s + said.earliest_s
    when = "later than" if late else "before" if early else "when"
    return f"Autovacuum came to {_do(said)} {one.table} {'again ' if before else ''}{when} it was expected"


def _do(prediction: Prediction | None) -> str:
    return prediction.action if prediction else VACUUM


def figure(one: Course, subtitle: str = "") -> Figure:
    """Draw one table's course. Its title is :func:`finding`."""
    with styled():
        made = blank(WIDTH_IN, _HEIGHT_IN)
        ax = made.add_axes((0.11, 0.13, 0.70, 0.66))
        title = headline(finding(one))
        made.text(0.02, 0.97, title, va="top", fontsize=TITLE - 2, color=INK, weight="bold")
        below = subtitle or f"{len(one.counts)} looks in {one.seconds:.0f} s; {one.reason} against the threshold"
        made.text(0.02, 0.97 - 0.06 * (title.count("\n") + 1), byline(below), va="top", fontsize=BODY, color=SOFT)
        _scales(ax, one)
        _expected(ax, one)
        look = EXTRA[0]
        if one.counts:
            xs, ys = zip(*one.counts, strict=True)
            ax.plot(xs, ys, look.line, marker=look.marker, color=look.colour, linewidth=1.6, markersize=4)
        if one.thresholds:
            ax.step(*zip(*one.thresholds, strict=True), where="post", color=GREY, linewidth=1.4)
        _name_ends(ax, one)
        for number, end in enumerate(one.runs_s):
            ax.axvline(end, color=EXTRA[1].colour, linewidth=1.8)
            if number == 0:
                _upright(ax, "came", end, one, 0.93, EXTRA[1].colour)
        return made


def _scales(ax: Axes, one: Course) -> None:
    tops = [value for _, value in (*one.counts, *one.thresholds)]
    ax.set_xlim(0, _last(one))
    ax.set_ylim(0, 1.2 * max(tops, default=1.0) or 1.0)
    ax.set_xlabel("time since the first look, s", fontsize=BODY)
    ax.set_ylabel(f"{one.reason}, transactions" if "age" in one.reason else one.reason, fontsize=BODY)
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    ax.grid(color=GRID)
    ax.set_axisbelow(True)


def _last(one: Course) -> float:
    said = one.prediction
    latest_s = one.predicted_at_s + said.latest_s if said and said.latest_s is not None else 0.0
    # a band that ends far beyond what was seen would leave nothing of the rest
    return max(one.seconds, min(latest_s, 2 * one.seconds)) * 1.02 or 1.0


def _expected(ax: Axes, one: Course) -> None:
    said = one.prediction
    if said is None:
        return
    ax.axvline(one.predicted_at_s, color=GREY, linewidth=1.2, linestyle=(0, (4, 3)))
    _upright(ax, "predicted", one.predicted_at_s, one, 0.99, GREY)
    if said.earliest_s is None:
        return
    right = one.predicted_at_s + said.latest_s if said.latest_s is not None else _last(one)
    ax.axvspan(one.predicted_at_s + said.earliest_s, right, color=_BAND, linewidth=0, zorder=0)
    ax.annotate(
        "expected", ((one.predicted_at_s + said.earliest_s + min(right, _last(one))) / 2, 0.02),
        xycoords=("data", "axes fraction"), ha="center", va="bottom", fontsize=BODY, color=GREY,
    )  # fmt: skip


def _upright(ax: Axes, name: str, where: float, one: Course, height: float, colour: str) -> None:
    left = _left(ax, name, where, one)
    ax.annotate(
        name, (where, height), (-4 if left else 4, 0), xycoords=("data", "axes fraction"), va="top",
        ha="right" if left else "left", textcoords="offset points", fontsize=BODY, color=colour,
    )  # fmt: skip


def _left(ax: Axes, name: str, where: float, one: Course) -> bool:
    """Whether a name stands left of its line: where it would not fit on the right, or another line goes through it."""
    wide = (text_width_in(name, BODY) + 0.1) / axes_width_in(ax) * _last(one)
    others = [other for other in (*one.runs_s, *([one.predicted_at_s] if one.prediction else [])) if other != where]
    right_free = where + wide < _last(one) and not any(where < other < where + wide for other in others)
    left_free = where > wide and not any(where - wide < other < where for other in others)
    return left_free and not right_free


def _name_ends(ax: Axes, one: Course) -> None:
    if not one.counts:
        return
    top = ax.get_ylim()[1]
    ends = [one.counts[-1][1] / top, one.thresholds[-1][1] / top]
    for name, where in zip((one.reason, "threshold"), spread(ends, [0.06, 0.06], 0, 1), strict=True):
        ax.annotate(
            name, (1, where), (8, 0), xycoords="axes fraction", textcoords="offset points", va="center", fontsize=BODY,
            color=TEXT, annotation_clip=False,
        )  # fmt: skip
