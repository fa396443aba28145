"""The search for a capacity: it ends near that of a simulated system, in few runs, and its interval holds it."""

import math

import numpy as np
import pytest

from lab.analyse.search import MOST_RUNS, Reading, answer, next_rate
from lab.errors import UsageError

SYSTEMS = 100


def queue(limit_ms, noise, wobble=0.0, saturates_per_s=1000.0, base_ms=2.0):
    """A system whose latency grows as that of one server; its capacity is where the latency is the limit."""

    def excess(rate, rng):
        load = rate / (saturates_per_s * math.exp(rng.normal(0, wobble)))
        latency_ms = base_ms / (1 - load) if load < 0.99 else 100 * base_ms + 1e4 * base_ms * (load - 0.99)
        return math.log(latency_ms / limit_ms) + rng.normal(0, noise)

    return excess, saturates_per_s * (1 - base_ms / limit_ms)


def cliff(wobble, at_per_s=800.0):
    """A system that is fast up to its capacity, and stops beyond it."""

    def excess(rate, rng):
        at = at_per_s * math.exp(rng.normal(0, wobble))
        return math.log((5 if rate <= at else 5 + 10_000 * (1 - at / rate)) / 50) + rng.normal(0, 0.05)

    return excess, at_per_s


def search(excess, start, rng):
    readings = []
    while (rate := next_rate(readings, start)) is not None:
        readings.append(Reading(rate, excess(rate, rng)))
    return answer(readings), len(readings)


@pytest.mark.parametrize(
    "system",
    [queue(20, 0.05), queue(10, 0.05), queue(60, 0.1), queue(20, 0.05, wobble=0.01), cliff(0.0), cliff(0.01)],
    ids=["queue", "low limit", "noisy", "wobbling", "cliff", "wobbling cliff"],
)
def test_a_known_capacity_is_found(system):
    excess, truth = system
    near = covered = 0
    for seed in range(SYSTEMS):
        rng = np.random.default_rng(seed)
        found, runs = search(excess, truth * math.exp(rng.uniform(-1.2, 1.2)), rng)
        assert runs <= MOST_RUNS
        near += abs(found.rate_per_s / truth - 1) <= 0.05
        covered += found.low <= truth <= found.high
    assert near >= 0.95 * SYSTEMS
    assert covered >= 0.95 * SYSTEMS


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
