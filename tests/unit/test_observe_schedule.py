"""When the observer looks."""

import itertools
import random

from scipy import stats

from lab.observe.schedule import moments, next_due


def gaps_us(hz: float, count: int) -> list[int]:
    schedule = moments(0, hz, random.Random(7))
    return [after - before for before, after in itertools.pairwise(itertools.islice(schedule, count))]


def test_the_gaps_are_uniform_from_nothing_to_twice_the_period() -> None:
    found = stats.kstest(gaps_us(10.0, 5000), stats.uniform(0, 200_000).cdf)
    assert found.pvalue > 0.01


def test_the_mean_rate_is_the_one_asked_for() -> None:
    gaps = gaps_us(20.0, 20_000)
    assert abs(sum(gaps) / len(gaps) - 50_000) < 1_000


def test_the_schedule_does_not_lock_onto_a_periodic_load() -> None:
    looks = itertools.islice(moments(0, 10.0, random.Random(7)), 4000)
    busy = [look % 100_000 < 30_000 for look in looks]
    assert abs(sum(busy) / len(busy) - 0.3) < 0.03


def test_missed_looks_are_dropped_and_not_caught_up() -> None:
    schedule = iter(range(0, 1000, 10))
    assert next_due(schedule, 500) == 500
    assert next_due(schedule, 501) == 510
