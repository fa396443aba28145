from collections import Counter

import numpy as np
import pytest

from lab.errors import UsageError
from lab.plan import JOURNEYS, ROUTE_BY_NAME
from loadtests.journey import WORDS, Journey, arrivals

KEYS = {"post": 1000, "user": 100}


def paths(seed: int, index: int = 0) -> list[str]:
    journey = Journey(JOURNEYS["mixed"], KEYS, seed, index)
    return [journey.next().path for _ in range(50)]


def test_the_same_seed_asks_for_the_same() -> None:
    assert paths(1) == paths(1)


def test_users_and_seeds_ask_for_different_things() -> None:
    assert paths(1, 0) != paths(1, 1)
    assert paths(1, 1) != paths(2, 0)


def test_routes_come_by_their_weights() -> None:
    journey = Journey({"post": 75, "posts": 25, "slow": 0}, KEYS, 1)
    seen = Counter(journey.next().name for _ in range(10_000))
    assert set(seen) == {"post", "posts"}
    assert abs(seen["post"] / 10_000 - 0.75) < 0.02


def test_keys_reach_from_the_first_to_the_highest() -> None:
    journey = Journey({"post": 1}, {"post": 5}, 1)
    assert {journey.next().path for _ in range(500)} == {f"/posts/{key}" for key in range(1, 6)}


def test_every_placeholder_is_filled() -> None:
    journey = Journey(dict.fromkeys(ROUTE_BY_NAME, 1), KEYS, 1)
    asked = [journey.next() for _ in range(2000)]
    assert {request.name for request in asked} == set(ROUTE_BY_NAME)
    assert not any("{" in request.path for request in asked)
    assert {request.path.partition("word=")[2] for request in asked if request.name == "search"} == set(WORDS)


def test_a_key_without_a_highest_value_is_refused_by_name() -> None:
    with pytest.raises(UsageError, match="'post'"):
        Journey({"post": 1}, {"user": 5}, 1)


def test_a_journey_without_weights_is_refused() -> None:
    with pytest.raises(UsageError, match="weight above 0"):
        Journey({"post": 0}, KEYS, 1)


def test_arrivals_are_poisson() -> None:
    gaps = np.diff(np.array(arrivals(200, 30, seed=3)))
    assert abs(gaps.std() / gaps.mean() - 1.0) < 0.05
    assert abs(np.corrcoef(gaps[1:], gaps[:-1])[0, 1]) < 0.05


def test_arrivals_keep_the_rate_and_the_bounds() -> None:
    moments = arrivals(200, 30, seed=3)
    assert abs(len(moments) - 6000) < 4 * 6000**0.5
    assert min(moments) >= 0
    assert max(moments) < 30_000_000
    assert list(moments) == sorted(moments)


def test_arrivals_depend_on_the_seed_alone() -> None:
    assert arrivals(50, 5, seed=1) == arrivals(50, 5, seed=1)
    assert arrivals(50, 5, seed=1) != arrivals(50, 5, seed=2)
