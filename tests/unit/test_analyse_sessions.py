"""Two sessions: known answers, and simulations of what a machine does to the same thing from day to day."""

import math

import numpy as np
import pytest

from lab.analyse.comparison import judge
from lab.analyse.sessions import floor, interval

TRIALS = 400


def session(rng, runs=5, truth=1.0, day=0.03, noise=0.02):
    return truth * np.exp(rng.normal(0, day) + rng.normal(0, noise, runs))


def test_the_interval_is_welchs_on_the_logarithms():
    found = interval([1.0, 2.0, 4.0], [4.0, 8.0, 16.0])
    half = 2.776445 * math.sqrt(2 * math.log(2) ** 2 / 3)
    assert (found.ratio, found.low) == pytest.approx((4.0, 4 * math.exp(-half)), rel=1e-5)


def test_a_floor_needs_three_sessions():
    assert floor([[1.0, 1.1], [1.0, 1.2]]) is None
    assert floor([[1.0, 1.1], [1.0, 1.2], [1.0, 0.9]]) is not None


def test_the_floor_tells_days_from_runs():
    rng = np.random.default_rng(1)
    found = floor([session(rng, runs=20) for _ in range(200)])
    assert found.between == pytest.approx(0.03, rel=0.2)
    assert found.within == pytest.approx(0.02, rel=0.1)


def test_like_with_like_is_rarely_different_once_the_floor_is_known():
    wrong = {True: 0, False: 0}
    for seed in range(TRIALS):
        rng = np.random.default_rng(seed)
        noise = floor([session(rng) for _ in range(6)])
        first, second = session(rng), session(rng)
        for known in wrong:
            wrong[known] += interval(first, second, noise if known else None).excludes_one
    assert wrong[True] <= 0.07 * TRIALS
    assert wrong[False] > 0.3 * TRIALS  # without it every second day is a discovery


@pytest.mark.parametrize("sessions", [3, 4, 6])
def test_a_floor_of_few_sessions_makes_no_discoveries_either(sessions):
    wrong = 0
    for seed in range(TRIALS):
        rng = np.random.default_rng(seed)
        noise = floor([session(rng) for _ in range(sessions)])
        wrong += judge(interval(session(rng), session(rng), noise), True)[0] != "no evidence"
    assert wrong <= 0.05 * TRIALS


def test_a_true_difference_beyond_the_floor_is_found():
    found = 0
    for seed in range(TRIALS):
        rng = np.random.default_rng(seed)
        noise = floor([session(rng) for _ in range(6)])
        found += interval(session(rng), session(rng, truth=1.3), noise).excludes_one
    assert found >= 0.95 * TRIALS
