"""A sweep's models: on stored runs of known laws, and never from runs that prove nothing."""

import numpy as np
import pytest

from lab.analyse import concurrency, rates, series
from lab.analyse.concurrency import knee
from lab.analyse.objective import parse
from lab.analyse.usl import Law
from tests import sweeps

USERS = (1, 2, 4, 8, 16, 32, 64)
LAW = Law(400.0, 0.05, 0.0012)  # its peak is at 28
QUEUE = "queue:size=4,overflow=0"


def noisy(users, repeat, law=LAW):
    return law.throughput(users) * float(np.exp(np.random.default_rng(users * 100 + repeat).normal(0, 0.02)))


def closed(root, users=USERS, made=None, pools=(QUEUE,), repeats=3):
    made = made or (lambda pool, count, repeat: sweeps.closed_run(count, noisy(count, repeat), seconds=2.0))
    return series.of_sweep(sweeps.write(root, "users", users, pools, made, repeats))


def late(pool, count, repeat):
    """Return runs of which the last at 16 users is much too slow, because the generator was late."""
    if (count, repeat) == (16, 3):
        return sweeps.closed_run(count, 300.0, seconds=2.0, lag_ms=40.0)
    return sweeps.closed_run(count, noisy(count, repeat), seconds=2.0)


def test_the_peak_of_the_law_comes_back_with_its_interval(tmp_path):
    found = concurrency.model(closed(tmp_path)[0])
    assert found.fit.peak_low < LAW.peak_users < found.fit.peak_high
    assert (found.knee.users, found.best.at) == (16, 32)


def test_the_first_half_of_it_tells_no_peak(tmp_path):
    found = concurrency.model(closed(tmp_path, USERS[:4])[0])
    assert found.fit.peak_users is None
    assert "not reached" in found.peak
    assert "may still grow beyond 8" in str(found.knee)


def test_a_peak_whose_interval_ends_beyond_the_sweep_is_not_told(tmp_path):
    rates = {1: 100, 2: 180, 4: 330, 8: 400, 16: 380}
    made = lambda pool, n, repeat: sweeps.closed_run(n, rates[n] * (0.7, 1.0, 1.4)[(repeat + n) % 3], seconds=2.0)  # noqa: E731
    found = concurrency.model(closed(tmp_path, tuple(rates), made)[0])
    assert found.bends
    assert found.fit.peak_users is None
    assert "its interval goes beyond 16" in found.peak


def test_a_run_that_proves_nothing_is_kept_out_of_the_law_and_named(tmp_path):
    one = closed(tmp_path, made=late)[0]
    assert [len(point.runs) for point in one.points] == [3] * len(USERS)
    assert len(one.measured[16]) == 2
    assert one.left_out == "1 of 21 runs are left out: generator late"
    assert concurrency.model(one).fit.peak_low < LAW.peak_users < concurrency.model(one).fit.peak_high


def test_without_a_run_to_be_believed_nothing_is_told(tmp_path):
    one = closed(
        tmp_path, USERS[:4], lambda pool, n, repeat: sweeps.closed_run(n, 100.0 * n, seconds=2.0, lag_ms=400.0)
    )[0]
    found = concurrency.model(one)
    assert (found.fit, found.best, found.knee.users, concurrency.typical(found)) == (None, None, None, None)
    assert "0 of at least 4" in found.why


def test_the_interval_of_a_knee_ends_at_concurrencies_that_were_measured():
    """Here a plain percentile lies between two of the drawn knees, at 12 users."""
    runs = {
        1: [103, 101, 102], 4: [365, 388, 389], 8: [697, 694, 679], 16: [793, 825, 779], 32: [832, 780, 745]
    }  # fmt: skip
    found = knee(runs)
    assert found.users == 16
    assert {found.low, found.high} <= set(runs)


def test_each_pool_is_a_series_of_its_own(tmp_path):
    found = closed(tmp_path, USERS[:4], pools=("null", QUEUE), repeats=1)
    assert [(one.label, one.kind, one.axis) for one in found] == [("null", "null", "users"), (QUEUE, "queue", "users")]


def test_a_sweep_of_something_else_has_no_series(tmp_path):
    made = sweeps.write(
        tmp_path, "size", (2, 10), (QUEUE,), lambda pool, size, repeat: sweeps.closed_run(4, 100.0, 1.0), 1
    )
    assert series.of_sweep(made) == ()


def test_littles_law_closes_on_a_run_that_keeps_its_users_busy(tmp_path):
    found = closed(tmp_path, (4, 16))[0]
    for point in found.points:
        for one in point.runs:
            assert one.little.users_by_law == pytest.approx(point.at, rel=0.02)
            assert one.little.under_way == pytest.approx(point.at, rel=0.05)
            assert one.little.by_law == pytest.approx(one.little.under_way, rel=0.05)


def test_users_that_the_generator_left_idle_are_missing_from_littles_law(tmp_path):
    """Each answer takes half of a user's time, and the generator sends the next only after as long again."""

    def idle(pool, users, repeat):
        run = sweeps.closed_run(users, 100.0, seconds=2.0)
        return sweeps.replace(run, service_ms=np.asarray(run.service_ms) / 2)

    found = concurrency.model(closed(tmp_path, (2, 4, 8, 16), idle)[0])
    assert found.little_pct[0] == pytest.approx(-50, abs=3)
    assert any("does not close" in text for text in concurrency.sentences(found))


def opened(root, latency_ms, lag_ms=lambda rate: 0.1):
    made = sweeps.write(
        root, "rate_per_s", (100.0, 200.0, 400.0), (QUEUE,),
        lambda pool, rate, repeat: sweeps.open_run(rate, latency_ms(rate), lag_ms=lag_ms(rate)),
    )  # fmt: skip
    return series.of_sweep(made)[0]


def test_an_objective_is_met_up_to_a_rate(tmp_path):
    found = rates.rated(opened(tmp_path, lambda rate: 5.0 if rate < 300 else 200.0), parse("p95 < 50 ms"))
    assert (found.met, found.highest_met, found.late) == ((3, 3, 0), 200.0, ())


def test_a_rate_that_the_generator_could_not_send_ends_what_is_told(tmp_path):
    found = rates.rated(
        opened(tmp_path, lambda rate: 5.0, lambda rate: 30.0 if rate == 200 else 0.1), parse("p95 < 50 ms")
    )
    assert (found.met, found.highest_met, found.late) == ((3, None, 3), 100.0, (200.0,))


def late_once(pool, rate, repeat):
    """Return runs of which one at 200 per second missed the objective, because the generator was late."""
    spoiled = (rate, repeat) == (200, 2)
    return sweeps.open_run(rate, 200.0 if spoiled else 5.0, lag_ms=300.0 if spoiled else 0.1)


def test_a_run_that_proves_nothing_does_not_end_what_is_told_where_others_are_believed(tmp_path):
    made = sweeps.write(tmp_path, "rate_per_s", (100.0, 200.0, 400.0), (QUEUE,), late_once)
    found = rates.rated(series.of_sweep(made)[0], parse("p95 < 50 ms"))
    assert (found.met, found.highest_met, found.late) == ((3, 2, 3), 400.0, (200.0,))
    assert "every believed run met p95 < 50 ms up to 400 per second" in rates.sentences(found)


@pytest.mark.parametrize(
    ("measured", "said"),
    [
        ({1: [100, 101], 2: [200, 201], 4: [300, 301], 8: [305, 301]}, "4 users"),
        ({1: [100, 101], 2: [200, 201], 4: [390, 400], 8: [700, 710]}, "may still grow beyond 8"),
        ({1: [60, 101], 2: [65, 100], 4: [90, 72], 8: [95, 99], 16: [99, 100]}, "anywhere from 1 to"),
        ({1: [100], 2: [200], 4: [300], 8: [301]}, "a single run"),
        ({1: [100, 100], 2: [200, 200], 4: [300, 300]}, "3 of at least 4"),
    ],
)  # fmt: skip
def test_a_knee_is_told_only_where_it_is_clear(measured, said):
    assert said in str(knee(measured))
