"""What the lesson on capacity shows of a sweep, and the load that its exercise asks for."""

from collections.abc import Mapping, Sequence
from types import EllipsisType

from lab.analyse.concurrency import Concurrency
from lab.chart import sweep as chart
from lab.demonstrate import stall
from lab.lesson.desk import bench
from lab.lesson.display import show
from lab.plan import LoadPlan
from lab.record.run import Run


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
