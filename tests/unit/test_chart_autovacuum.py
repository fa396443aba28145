"""A table's course: what the title finds, and what is drawn."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from lab.analyse.autovacuum_prediction import predict
from lab.chart.autovacuum import Course, course, figure, finding
from lab.record.autovacuum import Look, Rules, Table

START = datetime(2026, 1, 1, tzinfo=UTC)
CAME_S = 9.7


def looks(came_s: float = CAME_S) -> list[Look]:
    """Dead rows grow by 300 a second, and begin anew when autovacuum comes."""
    seen = []
    for at_s in (number * 0.5 for number in range(33)):
        ran = at_s >= came_s
        table = Table(
            1, "public", "sessions", reltuples=10_000 + 1000 * ran, live_rows=10_000 + 1000 * ran,
            dead_rows=int(300 * (at_s - came_s if ran else at_s)), autovacuums=int(ran),
            last_autovacuum=START + timedelta(seconds=came_s) if ran else None,
        )  # fmt: skip
        seen.append(Look(START + timedelta(seconds=at_s), "app", (table,), Rules(naptime_s=1), started_at=START))
    return seen


def drawn(came_s: float = CAME_S) -> Course:
    seen = looks(came_s)
    return course(seen, 1, next(one for one in predict(seen[:9]) if one.action == "vacuum"))


def test_a_course_has_every_look_the_threshold_as_it_was_and_the_runs() -> None:
    one = drawn()
    assert (len(one.counts), one.runs_s, one.reason, one.seconds) == (33, (CAME_S,), "dead rows", 16)
    assert {value for _, value in one.thresholds} == {2050, 2250}


@pytest.mark.parametrize(
    ("came_s", "words"), [(CAME_S, "when it was expected"), (4.6, "before it was expected"), (14, "later than it was")]
)
def test_the_title_says_whether_it_came_when_it_was_expected(came_s: float, words: str) -> None:
    assert words in finding(drawn(came_s)) and "public.sessions" in finding(drawn(came_s))


def test_the_title_says_when_it_did_not_come_or_was_not_expected() -> None:
    assert finding(drawn(99)) == "Autovacuum has not yet come to vacuum public.sessions"
    assert "was not expected" in finding(replace(drawn(), prediction=None))


def test_the_figure_names_its_axes_and_what_is_in_it() -> None:
    (ax,) = figure(drawn()).axes
    texts = {text.get_text() for text in ax.texts}
    assert {"dead rows", "threshold", "predicted", "expected", "came"} <= texts
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("time since the first look, s", "dead rows")


def test_a_run_before_the_prediction_is_in_the_title_as_it_is_in_the_picture() -> None:
    before = replace(drawn(99), runs_s=(2.5,))
    assert finding(before) == "Autovacuum came to vacuum public.sessions before the prediction, and not again so far"
    assert "again when it was expected" in finding(replace(drawn(), runs_s=(2.5, CAME_S)))
    unexpected = replace(before, prediction=replace(before.prediction, earliest_s=None, latest_s=None))
    assert "before the prediction; it was not expected again, and after that it did not run" in finding(unexpected)


@pytest.mark.parametrize("came_s", [1.0, 3.2, 3.9, 4.1, 15.9])
def test_no_line_goes_through_the_name_of_another(came_s: float) -> None:
    one = replace(drawn(99), runs_s=(came_s,))
    made = figure(one)
    (ax,), renderer = made.axes, FigureCanvasAgg(made).get_renderer()
    for text in ax.texts:
        if text.get_text() in ("came", "predicted"):
            box = text.get_window_extent(renderer)
            for x in (came_s, one.predicted_at_s):
                assert not box.x0 < ax.transData.transform((x, 0))[0] < box.x1
