"""The figures of lesson 08 say what was measured, and its exercise what is wrong."""

import math
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from lab.chart.climb import Climbing, climb
from lab.chart.plain import Words
from lab.demonstrate import churn
from lab.demonstrate.churn import Churned, Cost, Round, Season, Treatment
from lab.demonstrate.ground import Counters
from lab.demonstrate.triggers import Climb
from lab.lesson import autovacuum_pictures
from lab.lesson.exercises.autovacuum import TABLE, comes_in_time, judged
from lab.record.autovacuum import Look, Options, Rules, Table


def looked(options: Options | None, rules: Rules | None = None) -> Look:
    table = Table(1, "public", TABLE, options=options, reltuples=20_000)
    return Look(datetime(2026, 1, 1, tzinfo=UTC), "postgres", (table,), rules or Rules())


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (None, "too late"),
        (Options(vacuum_scale_factor=0.01), ""),
        (Options(vacuum_scale_factor=0.02), ""),
        (Options(vacuum_scale_factor=0.0, vacuum_threshold=500), ""),
        (Options(vacuum_scale_factor=0.0, vacuum_threshold=501), "too late"),
        (Options(vacuum_scale_factor=0.0), "all the time"),
        (Options(enabled=False, vacuum_scale_factor=0.02), "switched off"),
    ],
)
def test_the_exercise_takes_a_few_hundred_rows_and_no_fewer(options: Options | None, says: str) -> None:
    assert (says in judged(looked(options))) if says else judged(looked(options)) == ""


def test_the_exercise_does_not_take_a_setting_of_the_server() -> None:
    assert "every table" in judged(looked(None, Rules(vacuum_scale_factor=0.02)))
    assert "every table" in judged(looked(Options(vacuum_scale_factor=0.02), Rules(enabled=False)))


def test_the_exercise_without_a_server_says_so() -> None:
    assert comes_in_time(...)[0] is False


@pytest.mark.parametrize(("came_s", "outside_s"), [(5.0, 0.0), (3.5, 0.5), (9.0, 2.0), (None, math.inf)])
def test_a_run_is_held_against_the_interval(came_s: float | None, outside_s: float) -> None:
    assert Climb("t", 1000, 10.0, earliest_s=4.0, latest_s=7.0, came_s=came_s).outside_s == outside_s


def test_the_figure_has_a_mark_for_each_table_and_names_nothing_outside_of_it() -> None:
    tables = [Climbing(f"{n} rows/s", [(0.5, 10.0), (4.0, 90.0)], 2.0, 3.0, 6.0, 4.5 + n) for n in (1, 2)]
    figure = climb(tables, Words("A finding", "2 tables", "time, s", "dead rows", limits={"threshold": 80.0}))
    above = figure.axes[1] if figure.axes[0].get_xlabel() else figure.axes[0]
    assert sorted(line.get_xdata()[0] for line in above.lines if line.get_markersize() == 9) == [5.5, 6.5]
    renderer = FigureCanvasAgg(figure).get_renderer()
    width = figure.get_size_inches()[0] * figure.dpi
    assert all(text.get_window_extent(renderer).x1 <= width for ax in figure.axes for text in ax.texts)


def season(peaks: dict[Treatment, int]) -> Season:
    cost = Cost(3, (0.1, 0.2))

    def seen(at: float, count: int) -> Round:
        return Round(at, at + 0.5, count, Counters("t", 0, 1000, 0, 0, 1, 0, 8192), cost)

    return Season(1000, 50, tuple(Churned(one, 0, [seen(0.1, 50), seen(1.1, peak)]) for one, peak in peaks.items()))


def test_the_line_that_leaves_the_axis_is_named_with_its_peak_and_the_title_says_what_was_seen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shown: list[tuple[Any, str, str]] = []
    monkeypatch.setattr(autovacuum_pictures, "show", lambda *parts: shown.append(parts))
    autovacuum_pictures.dead(season(dict(zip(churn.TREATMENTS, (200, 100, 50, 1200), strict=True))), guess=12)
    autovacuum_pictures.dead(season(dict.fromkeys(churn.TREATMENTS, 50)))
    (figure, line, title), (_, _, other) = shown
    assert title.startswith("The smaller the scale factor, the fewer")
    assert other.startswith("The scale factors do not differ")
    assert figure.axes[0].get_ylim() == (0, 30)
    assert "switched off, to 120 %" in {text.get_text() for text in figure.axes[0].texts}
    assert "120" not in line


def test_what_an_innocent_query_pays_is_told_in_blocks_and_not_in_microseconds(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[tuple[Any, str, str]] = []
    monkeypatch.setattr("lab.lesson.pictures.show", lambda *parts: shown.append(parts))
    alike = season(dict.fromkeys(churn.TREATMENTS, 50))
    *others, off = alike.tables
    slow = [replace(one, cost=Cost(168, (0.1, 0.2))) for one in off.rounds]
    autovacuum_pictures.reads(replace(alike, tables=(*others, replace(off, rounds=slow))))
    autovacuum_pictures.reads(alike)
    assert shown[0][2] == "One row by its key takes 168 blocks without autovacuum, 3 at a factor of 0.01"
    assert shown[1][2].endswith("3 blocks without autovacuum, and 3 with the smallest scale factor")
