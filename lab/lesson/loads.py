"""Loads and comparisons as a lesson uses them: a picture that grows, and numbers to judge."""

import http.client
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import EllipsisType
from urllib.parse import urlsplit

import pandas as pd

from lab import app, experiment, plan
from lab.analyse.gates import is_machines
from lab.analyse.summary import VariantSummary, summarise
from lab.chart import comparison as chart
from lab.errors import UsageError
from lab.lesson.desk import at
from lab.lesson.display import show as _show
from lab.lesson.watch import InNotebook
from lab.plan import LoadPlan, PoolConfig, Variant
from lab.record.run import open_run


@dataclass(frozen=True, slots=True)
class Scale:
    """How long a load takes at one setting of LAB_SCALE."""

    warmup_s: float
    measured_s: float
    pairs: int


SCALES = {"ci": Scale(0.5, 1.5, 3), "workshop": Scale(1.0, 4.0, 3), "full": Scale(2.0, 10.0, 5)}


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
        desk.web = app.start(desk.where.app_dsn, PoolConfig.parse(pool), port=0, name="lab-app-lesson", log=log)
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


@dataclass(frozen=True, slots=True)
class Compared:
    """A comparison as a lesson uses it: *first* and *second* as they were named, and the second's effect."""

    result: experiment.Result
    first: VariantSummary
    second: VariantSummary

    @property
    def ratio(self) -> float | None:
        """The second's figure over the first's: answers per second in the closed model, median latency in the open.

        None if the comparison is invalid; but if only because the machine was busy, which both variants of every pair
        shared, the end of its interval that is nearer to no difference.
        """
        effect = self.result.comparison.effect
        if effect.verdict != "invalid":
            return effect.ratio
        if effect.low is None or effect.high is None or not all(is_machines(reason) for reason in effect.reasons):
            return None
        return effect.low if effect.low > 1 else min(effect.high, 1.0)

    @property
    def both(self) -> tuple[VariantSummary, VariantSummary]:
        """First and second."""
        return (self.first, self.second)


def _load(users: int, journey: str) -> LoadPlan:
    scale = SCALES[at().settings.scale]
    weights = plan.journey(journey)
    return LoadPlan(users=users, journey=journey, weights=weights, warmup_s=scale.warmup_s, measured_s=scale.measured_s)


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
    desk = at()
    if isinstance(second, EllipsisType):
        print("not yet: write a variant in place of the dots")  # noqa: T201
        return None
    one, other = Variant.parse_all([first, second], 1, {})
    question = experiment.Question((one, other), _load(users, journey), SCALES[desk.settings.scale].pairs)
    watch = InNotebook("progress of a comparison: requests answered per second, by time")
    with _stoppable(watch):
        result = experiment.compare(question, desk.settings, watch, desk.where)
    watch.done("done")
    return Compared(result, result.comparison.first, result.comparison.second)


def one_load(variant: str, users: int = 4, journey: str = "read") -> VariantSummary:
    """Load a single variant once, with a picture that grows."""
    desk = at()
    side = Variant(variant, PoolConfig.parse(variant))
    watch = InNotebook("progress of a load: requests answered per second, by time")
    question = experiment.Question((side,), _load(users, journey), pairs=1)
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
