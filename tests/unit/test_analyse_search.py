"""The search for a capacity: it ends near that of a simulated system, in few runs, and its interval holds it."""

import math

import numpy as np
import pytest

from lab.analyse.search import MOST_RUNS, Reading, answer, find, next_rate
from lab.errors import UsageError

SYSTEMS = 100


def queue(limit, noise, servers=1):
    """A queue whose limit is so many times its idle latency; each run its capacity and its percentile differ."""

    def latency(load):  # of the idle one; with more servers it stays flat for longer
        return 1 + load**servers / (1 - load) if servers > 1 else 1 / (1 - load)

    low, high = 0.0, 0.999
    while high - low > 1e-6:
        middle = (low + high) / 2
        low, high = (middle, high) if latency(middle) < limit else (low, middle)

    def excess(rate, rng):
        load = rate / (1000 * math.exp(rng.normal(0, noise)))
        measured = latency(load) if load < 0.998 else latency(0.998) + 500 * (load - 0.998)  # overloaded for a while
        return math.log(measured / limit) + rng.normal(0, noise)

    return excess, 1000 * low


def cliff(noise, at_per_s=800.0):
    """A system that is fast up to its capacity, and stops beyond it."""

    def excess(rate, rng):
        at = at_per_s * math.exp(rng.normal(0, noise))
        return math.log((5 if rate <= at else 55 + 6000 * (1 - at / rate)) / 50) + rng.normal(0, 0.05)

    return excess, at_per_s


def searched(system, seeds=SYSTEMS):
    """Return how many of the searches ended within 5 %, and how many intervals held the truth."""
    excess, truth = system
    near = covered = 0
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        runs = []

        def measure(rate, rng=rng, runs=runs):
            runs.append(rate)
            return excess(rate, rng)

        # a closed load gives a start that is near; every third one is up to forty times too high or too low
        reach = rng.uniform(-1.2, 1.2) if seed % 3 else rng.choice([-1, 1]) * rng.uniform(1.2, 3.7)
        found = find(measure, truth * math.exp(reach))
        assert len(runs) <= MOST_RUNS
        near += abs(found.rate_per_s / truth - 1) <= 0.05
        covered += found.low <= truth <= found.high
    return near, covered


@pytest.mark.parametrize(
    "system",
    [queue(1.5, 0.02), queue(2, 0.02), queue(5, 0.02), queue(20, 0.02), queue(5, 0.05), queue(3, 0.02, servers=8),
     cliff(0.0), cliff(0.02)],
    ids=["1.5x", "2x", "5x", "20x", "5x, 5 %", "8 servers", "cliff", "wobbling cliff"],
)  # fmt: skip
def test_a_known_capacity_is_found(system):
    near, covered = searched(system)
    assert near >= 0.95 * SYSTEMS
    assert covered >= 0.95 * SYSTEMS


@pytest.mark.parametrize(
    "system",
    [queue(1.5, 0.1), queue(2, 0.1), queue(5, 0.1), queue(20, 0.1), queue(3, 0.1, servers=8), cliff(0.1)],
    ids=["1.5x", "2x", "5x", "20x", "8 servers", "cliff"],
)
def test_where_runs_differ_too_much_for_twelve_the_interval_says_so(system):
    _, covered = searched(system)
    assert covered >= 0.95 * SYSTEMS


def test_what_the_generator_cannot_send_is_not_held_against_the_system():
    def measure(rate):
        return None if rate > 700 else math.log(rate / 600)

    found = find(measure, start_per_s=2000)
    assert found.rate_per_s == pytest.approx(600, rel=0.05)
    assert found.low < 600 < found.high


def test_where_only_the_generator_stops_it_there_is_no_upper_end():
    tried = []

    def measure(rate):
        tried.append(rate)
        return None if rate > 700 else -2.0

    found = find(measure, start_per_s=200)
    assert (found.low, found.high) == (found.rate_per_s, None)
    assert 400 <= found.low <= 700
    assert len(tried) <= MOST_RUNS


def test_nothing_below_the_least_rate_is_tried():
    tried = []
    found = find(lambda rate: tried.append(rate) or 2.0, start_per_s=8, least_per_s=1)
    assert min(tried) >= 1
    assert found.rate_per_s is None


def test_a_reading_that_is_no_number_is_refused():
    with pytest.raises(UsageError, match="give numbers"):
        find(lambda rate: math.nan, start_per_s=8)


def test_nothing_above_what_the_generator_sends_is_tried_and_there_is_no_upper_end():
    readings = []
    while (rate := next_rate(readings, 100, most_per_s=500)) is not None:
        readings.append(Reading(rate, -2.0))
    assert max(one.rate_per_s for one in readings) == 500
    assert answer(readings).high is None


def test_a_system_that_meets_it_at_no_rate_has_no_capacity():
    readings = []
    while (rate := next_rate(readings, 100)) is not None:
        readings.append(Reading(rate, 2.0))
    found = answer(readings)
    assert (found.rate_per_s, found.low) == (None, None)
    assert len(readings) <= MOST_RUNS


def test_a_run_that_contradicts_the_others_widens_the_interval():
    plain = [Reading(rate, rate / 100 - 4.0) for rate in (200, 800, 380, 420, 390, 410)]
    odd = [*plain, Reading(405, -0.6)]
    assert answer(odd).high - answer(odd).low > answer(plain).high - answer(plain).low


def test_a_start_of_nothing_is_refused():
    with pytest.raises(UsageError, match="above 0"):
        next_rate([], 0)
