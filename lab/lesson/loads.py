"""Loads and comparisons as a lesson uses them: a picture that grows, and numbers to judge."""

import http.client
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import EllipsisType
from urllib.parse import urlsplit

import pandas as pd

from lab import app, experiment
from lab.analyse.summary import VariantSummary, summarise
from lab.chart import comparison as chart
from lab.demonstrate import pairs
from lab.demonstrate.pairs import Compared
from lab.errors import UsageError
from lab.lesson.desk import at, bench
from lab.lesson.display import show as _show
from lab.lesson.watch import InNotebook
from lab.plan import PoolConfig, Variant
from lab.record.run import open_run


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of the sample app: status, body, and where its time went, in milliseconds."""

    status: int
    body: str
    timing_ms: dict[str, float]


def _web(pool: str) -> app.App:
    """Return the app for single requests; it is started anew when another pool is asked for."""
    desk = at()
    if desk.web is not None and desk.web_pool != pool:
        desk.web.stop()
        desk.web = None
    if desk.web is None:
        log = desk.settings.home / "lesson-app.log"
        desk.web = app.start(
            desk.where.app_dsn, PoolConfig.parse(pool).checked_direct(pool), port=0, name="lab-app-lesson", log=log
        )
        desk.web_pool = pool
    return desk.web


def request(path: str, method: str = "GET", pool: str = "queue:size=2,overflow=0") -> Answer:
    """Ask the sample app once; it is started when it is first asked."""
    connection = http.client.HTTPConnection(urlsplit(_web(pool).url).netloc, timeout=30)
    connection.request(method, path)
    response = connection.getresponse()
    body = response.read().decode()
    parts = [part.split(";dur=") for part in (response.getheader("Server-Timing") or "").split(", ")]
    connection.close()
    return Answer(response.status, body, {part[0]: float(part[1]) for part in parts if len(part) == 2})


@contextmanager
def _stoppable(watch: InNotebook) -> Iterator[None]:
    """Show where the reader stopped a load; the interruption goes on, so that later cells do not run without it."""
    try:
        yield
    except KeyboardInterrupt:
        watch.stopped()
        print("stopped: the runs made so far are kept; run the cell again for a result")  # noqa: T201
        raise


def compare(first: str, second: str | EllipsisType, users: int = 16, journey: str = "read") -> Compared | None:
    """Load both variants in interleaved pairs, with a picture that grows; ``...`` stands for one not chosen yet."""
    if isinstance(second, EllipsisType):
        print("not yet: write a variant in place of the dots")  # noqa: T201
        return None
    watch = InNotebook("progress of a comparison: requests answered per second, by time")
    with _stoppable(watch):
        found = pairs.compare(bench(), first, second, users, journey, watch)
    watch.done("done")
    return found


def one_load(variant: str | EllipsisType, users: int = 4, journey: str = "read") -> VariantSummary | None:
    """Load a single variant once, with a picture that grows; ``...`` stands for one not chosen yet."""
    if isinstance(variant, EllipsisType):
        print("not yet: write a variant in place of the dots")  # noqa: T201
        return None
    desk = at()
    side = Variant(variant, PoolConfig.parse(variant))
    watch = InNotebook("progress of a load: requests answered per second, by time")
    question = experiment.Question((side,), pairs.load(desk.settings.scale, users, journey), pairs=1)
    with _stoppable(watch):
        folder = experiment.perform(question, desk.settings, watch, desk.where)
    watch.done("done")
    return summarise(variant, [open_run(folder / slot.folder_name) for slot in question.slots()])


def table(*variants: VariantSummary, **guesses: float | None) -> pd.DataFrame:
    """Return the counts of one or more variants side by side, and beside them what the reader guessed of some."""
    names = ("planned", "done", "failed", "unfinished", "sessions_opened", "peak_backends")
    counts = pd.DataFrame({side.name: {name: getattr(side, name) for name in names} for side in variants})
    if wrong := set(guesses) - set(names):
        raise UsageError(f"no count {sorted(wrong)[0]!r}; there are {', '.join(names)}")
    guessed = {name: f"{guess:g}" for name, guess in guesses.items() if guess is not None}
    return counts.assign(**{"your guess": [guessed.get(name, "") for name in names]}) if guesses else counts


def split(*variants: VariantSummary) -> pd.DataFrame:
    """Return where the time of a mean request went, milliseconds, for one or more variants side by side."""
    parts = {side.name: side.split_ms.as_dict() if side.split_ms else {} for side in variants}
    return pd.DataFrame(parts).astype(float).round(2)


def chart_of(compared: Compared, guess: float | None = None) -> None:
    """Show the figure of a comparison, with the reader's guess in it."""
    comparison, runs = compared.result.comparison, compared.result.runs
    figure = chart.figure(comparison, runs, guess=guess)
    _show(figure, chart.describe(comparison), chart.alt(comparison))
