"""Objectives: read, and held against runs whose percentiles are known."""

import math
from types import SimpleNamespace

import numpy as np
import pytest

from lab.analyse.objective import Objective, from_table, parse
from lab.errors import UsageError


def measured(latency_ms, lost=0, counts=None):
    values = np.array(latency_ms, dtype=float)
    total = len(values) if counts is None else int(np.sum(counts))
    return SimpleNamespace(
        latency_ms=values, latency_counts=None if counts is None else np.array(counts), lost=lost, counted=total
    )


def value(text, run):
    return parse(text).seen(run)[0].value


def test_a_percentile_is_a_measured_value():
    assert value("p95 < 10 ms", measured(range(1, 101))) == 95
    assert value("p50 < 10 ms", measured(range(1, 101))) == 50


def test_failed_requests_are_slower_than_any_answer():
    assert value("p95 < 10 ms", measured(range(1, 97), lost=4)) == 95
    assert value("p95 < 10 ms", measured(range(1, 91), lost=10)) == math.inf


def test_a_histogram_is_read_as_the_requests_would_be():
    assert value("p90 < 10 ms", measured([1, 5, 9], counts=[80, 15, 5])) == 5


def test_failed_requests_are_counted_in_per_cent():
    assert value("failed < 1 %", measured(range(99), lost=1)) == 1


def test_a_run_is_as_far_off_as_its_worst_condition():
    seen = parse("p50 < 25 ms, failed < 0.5 %").seen(measured(range(1, 100), lost=1))
    assert [one.excess > 0 for one in seen] == [True, True]
    assert seen[0].excess == pytest.approx(math.log(50 / 25))


def test_nothing_failed_is_far_below_any_limit_and_no_answer_is_far_above():
    assert parse("failed < 0.1 %").seen(measured([1.0]))[0].excess == -math.inf
    assert parse("p99 < 1 ms").seen(measured([], lost=3))[0].excess == math.inf


def test_as_many_requests_are_asked_for_as_the_objective_needs():
    assert parse("p99 < 50 ms").least_requests == 1000
    assert parse("p99 < 50 ms, failed < 0.1 %").least_requests == 3000


def test_a_table_of_a_question_is_an_objective():
    assert str(from_table({"p95_ms": 50, "failed_pct": 0.1})) == "p95 < 50 ms, failed < 0.1 %"
    assert from_table({}) is None


@pytest.mark.parametrize(
    "text", ["", "p98 < 3 ms", "p99 < 50", "p99 < 50 %", "failed < 3 ms", "p99 < 0 ms", "failed < 101 %", "p99 > 5 ms",
             "p99 < 5 ms, p99 < 7 ms", "p99 < 1.2.3 ms",
             "p99 < nan ms", "p99 < inf ms", "p99 < 1e3 ms", "p99 < 5 us", "p99 < 5 ms,", "p99 < 5 ms; failed < 1 %",
             "failed < 1 %, failed < 2 %", "p99 < . ms", f"p99 < {'9' * 400} ms"],
)  # fmt: skip
def test_what_is_no_objective_is_refused_in_one_line(text):
    with pytest.raises(UsageError) as caught:
        parse(text)
    assert "\n" not in str(caught.value)


def test_what_may_be_asked_for_is_said():
    with pytest.raises(UsageError, match="one of p50, p90, p95, p99 or failed, then <"):
        parse("p42 < 3 ms")


def test_spaces_capitals_and_seconds_are_read():
    assert str(parse(" P99<0.05S ,FAILED  <= 1 % ")) == "p99 < 50 ms, failed < 1 %"


def test_an_objective_reads_back_as_it_is_written():
    text = "p50 < 10 ms, p99 < 50 ms, failed < 0.1 %"
    assert str(parse(text)) == text
    assert isinstance(parse(text), Objective)
