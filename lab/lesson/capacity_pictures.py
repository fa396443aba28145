"""What the lesson on capacity shows, and the load that its exercise asks for."""

from collections.abc import Mapping, Sequence
from types import EllipsisType

import numpy as np

from lab.analyse.concurrency import Concurrency
from lab.analyse.usl import Fit
from lab.chart import sweep as chart
from lab.chart.plain import Line, Row, Words
from lab.demonstrate import stall
from lab.demonstrate.scaling import KNOWN, Searched
from lab.demonstrate.stall import Stalled
from lab.lesson.desk import bench
from lab.lesson.display import show
from lab.lesson.pictures import curve, strip
from lab.plan import LoadPlan
from lab.record.run import Run

_MARKS = (50, 75, 90, 95)  # per cent of the requests
_NO_END = 1e4  # users: a peak beyond this is none


def planned_meanwhile(closed: Stalled, opened: Stalled, hold_s: float, *guesses: float | None) -> None:
    """Show how many requests were planned during each lock, with the reader's guesses of closed and of open load."""
    said = zip(("your guess, closed", "your guess, open"), guesses, strict=True)
    words = Words(
        f"While nothing was answered, two users sent {max(closed.arrived)} requests at most, "
        f"and arrivals {max(opened.arrived)}",
        f"the table was locked for {hold_s:g} s at a time; a dot for each lock; scale {bench().config.scale}",
        "requests planned during one lock", guesses={name: guess for name, guess in said if guess is not None},
    )  # fmt: skip
    strip([Row("closed: users who wait", closed.arrived), Row("open: arrivals that do not", opened.arrived)], words)


def latencies(closed: Stalled, opened: Stalled, rate_per_s: float) -> None:
    """Show within what latency so many per cent of the requests were answered, under either load."""
    at = {name: np.percentile(one.latency_ms, _MARKS) for name, one in (("closed", closed), ("open", opened))}
    nine = {name: f"{each[_MARKS.index(90)]:,.0f} ms" for name, each in at.items()}
    words = Words(
        f"Nine of ten requests: {nine['closed']} under closed load, {nine['open']} under open load",
        f"the same locks, {rate_per_s:.0f} requests per second; one run each; scale {bench().config.scale}",
        "per cent of the requests", "answered within, ms from the intended start",
    )  # fmt: skip
    lines = [Line(name, list(zip(map(float, _MARKS), each.tolist(), strict=True))) for name, each in at.items()]
    curve(lines, words, log_y=True)


def search(found: Searched, guess: float | None) -> None:
    """Show the rates that a search tried, its answer beside the truth, and the reader's guess."""
    answer, readings = found.answer, found.readings
    rows = [
        Row("met it", [one.rate_per_s for one in readings if one.met]),
        Row("missed it", [one.rate_per_s for one in readings if not one.met]),
    ]
    words = Words(
        f"{answer.rate_per_s:.0f} per second keep the objective (95 % {answer.low:.0f} to {answer.high:.0f}); "
        f"the truth is {found.truth_per_s:.0f}",
        f"{len(readings)} simulated runs, a dot each, with noise", "arrivals per second",
        limits={"truth": found.truth_per_s}, guesses={} if guess is None else {"your guess": guess},
    )  # fmt: skip
    strip(rows, words)


def spread_of_peaks(found: Fit) -> tuple[float, float]:
    """Return between which peaks 95 % of the laws lie that fit the same runs as well; infinite without a peak."""
    peaks = sorted(law.peak_users for law in found.laws)
    cut = round(0.025 * len(peaks))
    return peaks[cut], peaks[-1 - cut]


def laws(known: Mapping[int, Sequence[float]], whole: Fit, first: Fit, guess: float | None) -> None:
    """Show what was measured, the law of all of it, and two laws that fit its first half equally well."""
    low, high = spread_of_peaks(first)
    drawn = sorted(first.laws, key=lambda law: law.peak_users)
    cut = round(0.025 * len(drawn))
    reach = f"from {low:.0f} to {high:,.0f} users" if high < _NO_END else f"from {low:.0f} users on"
    words = Words(
        f"The first half would put N* anywhere {reach}; all of it says "
        + (f"{whole.peak_users:.0f}" if whole.peak_users else "nothing"),
        "simulated, 3 % of noise, 5 runs for each number of users; first half: up to 16 users",
        "users", "answers per second", x_limits={"true N*": KNOWN.peak_users},
        x_guesses={} if guess is None else {"your guess": guess},
    )  # fmt: skip
    fitted = {"law of all": whole.law, "first half: least N*": drawn[cut], "first half: greatest N*": drawn[-1 - cut]}
    lines = [Line(name, [(n, law.throughput(n)) for n in known]) for name, law in fitted.items()]
    measured = Line("measured, mean", [(n, sum(rates) / len(rates)) for n, rates in known.items()])
    curve([measured, *lines], words, log_x=True)


def throughput(models: Sequence[Concurrency], scale: str, guesses: Mapping[str, float | None]) -> None:
    """Show throughput against users, with the reader's guess on the axis of users."""
    runs = sum(len(point.runs) for found in models for point in found.series.points)
    known = {name: guess for name, guess in guesses.items() if guess is not None}
    figure = chart.closed(models, f"{runs} runs, a dot each; {scale}", known)
    show(figure, chart.describe(models, []), chart.closed_title(models))


def closed_load(users: int, think_s: float | EllipsisType) -> Run | None:
    """Make one recorded closed load on a pool of five; ``...`` stands for a think time that is not chosen yet."""
    if isinstance(think_s, EllipsisType):
        print("not yet: write seconds in place of the dots")  # noqa: T201
        return None
    desk = bench()
    seconds = desk.scaled(ci=1.0, workshop=5.0)
    return stall.loaded(desk, LoadPlan(users=users, think_s=think_s, warmup_s=0.2, measured_s=seconds).checked())
