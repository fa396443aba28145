"""What the notebooks use to teach: predict, run, claim, check, hint.

A lesson begins with :func:`begin`, which holds a server of the home for as long as the kernel lives, also if that ends
by ``kill -9``. Everything after it works on that server. ``LAB_SCALE`` sets how long loads take and nothing else.
"""

import atexit
import http.client
import tomllib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import EllipsisType
from urllib.parse import urlsplit

import pandas as pd
import psycopg2

from lab import app, config, experiment, plan, server, sql
from lab.analyse.gates import is_machines
from lab.analyse.summary import VariantSummary, summarise
from lab.chart import comparison as chart
from lab.errors import UsageError
from lab.lesson.claims import Notes, Verdict, judge
from lab.lesson.demonstrations import Seen, backends_behind, updates_seen
from lab.lesson.display import show as _show
from lab.lesson.watch import InNotebook
from lab.plan import LoadPlan, PoolConfig, Variant
from lab.record.run import open_run
from lab.server import Server

__all__ = [
    "Answer",
    "Compared",
    "begin",
    "chart_of",
    "check",
    "claim",
    "compare",
    "end",
    "hint",
    "one_load",
    "predict",
    "request",
    "sessions",
    "split",
    "table",
    "updates",
]


@dataclass(frozen=True, slots=True)
class Scale:
    """How long a load takes at one setting of LAB_SCALE."""

    warmup_s: float
    measured_s: float
    pairs: int


SCALES = {"ci": Scale(0.5, 1.5, 3), "workshop": Scale(1.0, 4.0, 3), "full": Scale(2.0, 10.0, 5)}


@dataclass(slots=True)
class _Desk:
    """What one kernel holds: its lesson's record, its server, and the app for single requests."""

    name: str
    settings: config.Config
    notes: Notes
    where: Server
    held: ExitStack
    views_before: int
    web: app.App | None = None
    web_pool: str = ""


_desk: _Desk | None = None


def begin(name: str) -> None:
    """Start or find the home's server, and open the lesson's record. May be called again: it begins anew."""
    global _desk
    end()
    settings = config.read()
    watch = InNotebook("progress of the lab")
    held = ExitStack()
    where = held.enter_context(server.running(settings, watch.say))
    watch.done(f"ready: PostgreSQL {where.version}, {where.keys['post']:,} posts")
    notes = Notes(settings.home / "lessons" / f"{name}.json")
    _desk = _Desk(name, settings, notes, where, held, _views(where))
    print("The lab is ready.")  # noqa: T201


def end() -> None:
    """Stop what :func:`begin` started; the kernel's end does it too."""
    global _desk
    if _desk is not None:
        if _desk.web is not None:
            _desk.web.stop()
        _desk.held.close()
        _desk = None


atexit.register(end)


def _at() -> _Desk:
    if _desk is None:
        raise UsageError("the lesson has not begun; run its first cell, which calls lesson.begin")
    return _desk


def predict(what: str, guess: float | EllipsisType) -> float | None:
    """Record a prediction before its experiment; ``...`` stands for one that is not made yet."""
    value = _at().notes.predict(what, guess)
    print(f"recorded: {what}" if value is not None else f"not yet: write your guess of {what} in place of the dots")  # noqa: T201
    return value


def claim(
    sentence: str,
    observed: float | None,
    *,
    at_least: float | None = None,
    at_most: float | None = None,
    between: tuple[float, float] | None = None,
) -> None:
    """Print whether the sentence holds for *observed*, and no digit of it; the number goes to the lesson's record.

    :raises UsageError: without any bound.
    """
    low, high = between or (at_least, at_most)
    verdict: Verdict = judge(sentence, observed, low, high)
    _at().notes.add(verdict)
    print(verdict)  # noqa: T201


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of the sample app: status, body, and where its time went, in milliseconds."""

    status: int
    body: str
    timing_ms: dict[str, float]


def _web(pool: str) -> app.App:
    """Return the app for single requests; it is started anew when another pool is asked for."""
    desk = _at()
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
    scale = SCALES[_at().settings.scale]
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
    desk = _at()
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
    desk = _at()
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


def sessions(variant: str, count: int = 3) -> list[int]:
    """Open and close *count* SQLAlchemy sessions one after the other; return the pid of the backend behind each."""
    return backends_behind(_at().where, variant, count)


def updates(variant: str) -> Seen:
    """Make updates through the variant's pool and read the statistics views at once, then after a flush."""
    return updates_seen(_at().where, variant)


_HINTS = tomllib.loads(Path(__file__).with_name("hints.toml").read_text(encoding="utf-8"))
_LEVELS = ("where to look", "what to look for", "the mechanism")


def hint(name: str) -> None:
    """Print the exercise's next hint: first where to look, then what to look for, then the mechanism.

    :raises UsageError: if there is no such exercise.
    """
    if name not in _HINTS:
        raise UsageError(f"no hints for {name!r}; there are some for {', '.join(_HINTS)}")
    level = _at().notes.next_hint(name, most=len(_LEVELS))
    print(f"{_LEVELS[level - 1]}: {_HINTS[name]['hints'][level - 1]}")  # noqa: T201


def _views(where: Server) -> int:
    connection = psycopg2.connect(where.owner_dsn)
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(sql.load("lesson/views"), (7,))
            row = cursor.fetchone()
        return int(row[0]) if row else 0
    finally:
        connection.close()


def _check_bumped(_: object) -> tuple[bool, str]:
    if _views(_at().where) > _at().views_before:
        return True, "the server has counted a view of post 7 since this lesson began"
    return False, "the server has counted no view of post 7 since this lesson began; ask POST /posts/7/bump"


def _check_one_connection(done: object) -> tuple[bool, str]:
    if not isinstance(done, Compared):
        return False, "there is no comparison yet; give compare a pool in place of the dots"
    opened, runs = done.second.sessions_opened, len(done.result.runs) // 2
    if opened != runs:
        return (
            False,
            "the server saw more than one session in a run of the second variant; size and overflow both count",
        )
    return True, "the server saw a single session in each run of the second variant"


_CHECKS = {"first_request": _check_bumped, "one_connection": _check_one_connection}


def check(name: str, state: object = None) -> None:
    """Look at the state of the server, or of the runs, and say whether the exercise is done.

    :raises UsageError: if there is no such exercise.
    """
    if name not in _CHECKS:
        raise UsageError(f"no check {name!r}; there are {', '.join(_CHECKS)}")
    done, text = _CHECKS[name](state)
    print(f"{'DONE' if done else 'NOT YET'}: {text}")  # noqa: T201
