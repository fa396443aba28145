"""A prediction held against what came: from the counters of a later look, and from autovacuum's own lines in the log.

The counters tell how often it ran and when the last run ended; the log tells when each run began, and what became of
the dead rows. Whatever makes a comparison meaningless voids it: a crash that lost the counters, a vacuum by hand, a
table that was made anew.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from lab.analyse.vacuum_log import Run
from lab.record.autovacuum import DUE, LATER, NEVER, NOTHING, VACUUM, Look, Prediction, Table

AS_PREDICTED, EARLY, LATE, MISSED, UNFORESEEN = "as predicted", "early", "late", "missed", "unforeseen"
OPEN, VOID = "open", "void"
_REPORT_S = 1.0  # how late counters may be
_SAID_S = 0.5  # how long after its report a run's line may be in the log
_ROUNDING_S = 0.02  # the log's durations are of 10 ms


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one prediction. Times are seconds after it was made; rows are of the first run's line in the log."""

    prediction: Prediction
    verdict: str
    why: str = ""
    runs: int = 0  # since it was made, by the counters
    began_s: float | None = None  # of the first run; None: only the end is known, or nothing
    ended_s: float | None = None
    rows_removed: int | None = None
    rows_not_removable: int | None = None
    effect_as_predicted: bool | None = None  # of removes; None: not told, or nothing was said


def check(predictions: Sequence[Prediction], look: Look, runs: Sequence[Run] = ()) -> tuple[Outcome, ...]:
    """Hold each prediction for the look's database against that look, and against the *runs* of the log, if given."""
    of_here = [one for one in predictions if (one.server, one.database) == (look.server, look.database)]
    return tuple(outcome(one, look, runs) for one in of_here)


def outcome(prediction: Prediction, look: Look, runs: Sequence[Run] = ()) -> Outcome:
    """Say what came of one prediction until *look*."""
    table = look.table(prediction.oid)
    if table is None:
        return Outcome(prediction, VOID, "the table is gone")
    count = _count(table, prediction.action) - prediction.runs_before
    first = _first(prediction, runs)
    void = _void(prediction, table, look, count, first)
    if void:
        return Outcome(prediction, VOID, void, max(count, 0))
    began_s, ended_s = _moments(prediction, table, count, first)
    if prediction.verdict == DUE and _just_ran(prediction, runs):
        return Outcome(prediction, VOID, "it had just run, and the counters did not show it yet", max(count, 0))
    verdict, why = _verdict(prediction, max(count, 1 if first else 0), began_s, ended_s, _after(prediction, look.at))
    return Outcome(
        prediction, verdict, why, count, began_s, ended_s,
        first.rows_removed if first else None, first.rows_not_removable if first else None, _effect(prediction, first),
    )  # fmt: skip


def _count(table: Table, action: str) -> int:
    return table.autovacuums if action == VACUUM else table.autoanalyzes


def _first(prediction: Prediction, runs: Sequence[Run]) -> Run | None:
    """Return the first run that ended after the prediction was made."""
    name = f"{prediction.database}.{prediction.table}"
    ended = [
        (one.ended_at, number)
        for number, one in enumerate(runs)
        if one.table == name and one.action == prediction.action and one.ended_at and one.ended_at >= prediction.made_at
    ]
    return runs[min(ended)[1]] if ended else None


def _just_ran(prediction: Prediction, runs: Sequence[Run]) -> bool:
    """Whether a run ended right before, of which the counters did not know yet: in 13 and 14 they come late."""
    name = f"{prediction.database}.{prediction.table}"
    known_s = _after(prediction, prediction.last_run_at) if prediction.last_run_at else -_REPORT_S
    since_s = max(known_s + _SAID_S, -_REPORT_S)
    ends = [one.ended_at for one in runs if one.table == name and one.action == prediction.action and one.ended_at]
    return any(since_s <= _after(prediction, end) < 0 for end in ends)


def _void(prediction: Prediction, table: Table, look: Look, count: int, first: Run | None) -> str:
    by_hand = (table.vacuums if prediction.action == VACUUM else table.analyzes) - prediction.by_hand_before
    if count < 0 or by_hand < 0:
        return "the counters went back: the server crashed, or somebody reset them"
    if look.started_at != prediction.started_at:
        return "the server was started anew"
    done_at = table.last_vacuum if prediction.action == VACUUM else table.last_analyze
    ran_at = (first.ended_at if first else None) or (_ended(table, prediction.action) if count > 0 else None)
    if by_hand > 0 and done_at and (ran_at is None or done_at < ran_at):
        return f"somebody ran {prediction.action.upper()} by hand first"
    return ""


def _ended(table: Table, action: str) -> datetime | None:
    return table.last_autovacuum if action == VACUUM else table.last_autoanalyze


def _after(prediction: Prediction, at: datetime) -> float:
    return (at - prediction.made_at).total_seconds()


def _moments(prediction: Prediction, table: Table, count: int, first: Run | None) -> tuple[float | None, float | None]:
    """Return when the first run began and ended; after several, the counters know only the last one's end."""
    if first is not None and first.ended_at is not None:
        return _after(prediction, first.began_at) if first.began_at else None, _after(prediction, first.ended_at)
    ended = _ended(table, prediction.action)
    return None, _after(prediction, ended) if count == 1 and ended else None


def _verdict(
    prediction: Prediction, count: int, began_s: float | None, ended_s: float | None, now_s: float
) -> tuple[str, str]:
    if prediction.verdict == NEVER:
        return (UNFORESEEN, "it ran all the same") if count > 0 else (AS_PREDICTED, "it has not run")
    if prediction.verdict not in (DUE, LATER):
        return OPEN, "no moment was predicted" + (", and it ran" if count > 0 else "")
    latest_s = prediction.latest_s
    if count <= 0:
        overdue = latest_s is not None and now_s > latest_s
        return (MISSED, f"{now_s - (latest_s or 0.0):.1f} s overdue") if overdue else (OPEN, "it has not run yet")
    came_s = began_s if began_s is not None else ended_s
    if came_s is None:
        return OPEN, f"it ran {count} times; the log would tell when first"
    if prediction.verdict == LATER and came_s < (prediction.earliest_s or 0.0) - _ROUNDING_S:
        return EARLY, f"by {(prediction.earliest_s or 0.0) - came_s:.1f} s"
    if latest_s is not None and came_s > latest_s + _ROUNDING_S:
        return LATE, f"by {came_s - latest_s:.1f} s"
    return AS_PREDICTED, "by the log" if began_s is not None else "by the counters"


def _effect(prediction: Prediction, first: Run | None) -> bool | None:
    if first is None or prediction.removes != NOTHING or first.rows_removed is None:
        return None
    return first.rows_removed == 0
