"""The lesson on capacity: what its demonstrations compute, and what its exercise takes for done."""

import numpy as np
import pytest

from lab.analyse import usl
from lab.demonstrate import scaling
from lab.demonstrate.stall import Stalled
from lab.lesson.capacity_pictures import spread_of_peaks
from lab.lesson.exercises.capacity import think_time
from lab.plan import LoadPlan
from tests import stored, sweeps


def test_a_simulated_closed_load_is_bounded_by_its_users():
    mean_ms, per_s = scaling.closed_ms(users=2, think_s=0.005)
    assert per_s * (mean_ms / 1000 + 0.005) == pytest.approx(2, rel=0.02)  # Little's law


def test_a_simulated_open_load_waits_as_the_formula_says():
    """Of random arrivals and times, before one server: mean latency = service / (1 - utilisation)."""
    assert scaling.open_ms(50.0, requests=200_000) == pytest.approx(1000 * scaling.SERVE_S / 0.5, rel=0.05)


def test_the_search_finds_a_simulated_truth_for_most_seeds():
    found = [scaling.searched(seed=seed) for seed in range(12)]
    near = [abs(one.answer.rate_per_s / one.truth_per_s - 1) < 0.05 for one in found]
    assert sum(near) >= 11


def test_what_fits_the_first_half_has_no_end():
    first = usl.fit(scaling.throughputs((1, 2, 4, 8, 16)))
    low, high = spread_of_peaks(first)
    assert low < scaling.KNOWN.peak_users < high
    assert first.peak_users is None


def test_requests_planned_while_nothing_was_answered_are_counted(tmp_path):
    run = sweeps.open_run(100.0, 5.0, seconds=2.0).write(tmp_path)
    begin = stored.START_US + 500_000
    seen = Stalled(run, ((begin, begin + 400_000),))
    assert seen.arrived == [40]
    assert seen.stalled_s == 0.4
    assert seen.per_s == pytest.approx(100, rel=0.01)


def test_users_who_wait_are_never_more_than_they_are(tmp_path):
    seen = Stalled(sweeps.closed_run(3, 60.0, seconds=2.0).write(tmp_path), ())
    assert seen.most_at_once == 3
    assert seen.slow(40.0) == len(seen.times_us) - 2  # all but the first two, which had fewer before them


def bounded(root, **load):
    plan = LoadPlan(**({"users": 10, "think_s": 0.2, "warmup_s": 0.2, "measured_s": 1.0} | load))
    return stored.Stored(np.zeros(20), 5.0, load=plan).write(root)


@pytest.mark.parametrize(
    ("load", "done", "said"),
    [
        ({}, True, "cannot ask for more"),
        ({"think_s": 0.05}, False, "more than fifty"),
        ({"think_s": 0.0}, False, "more than fifty"),
        ({"think_s": 1.0}, False, "fewer than twenty"),
        ({"users": 5}, False, "not that of ten users"),
    ],
)
def test_the_exercise_looks_at_the_recorded_plan(tmp_path, load, done, said):
    found, text = think_time(bounded(tmp_path, **load))
    assert (found, said in text) == (done, True)


def test_the_exercise_without_a_load_says_what_lacks():
    assert think_time(None) == (False, "there is no load yet; give closed_load a think time in place of the dots")
