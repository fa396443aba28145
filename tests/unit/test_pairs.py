"""The one number that a lesson judges a comparison by."""

from types import SimpleNamespace

import pytest

from lab.analyse.comparison import Effect, PairRatio
from lab.demonstrate.pairs import Compared

BUSY, WRONG = "machine starved by other programs: 60 % of it", "pool books do not balance: run-01"


def compared(ratios, verdict, reasons=()):
    pairs = tuple(PairRatio(number, ratio) for number, ratio in enumerate(ratios, 1))
    effect = Effect("throughput_per_s", 2.0 if ratios[0] > 1 else 0.5, 0.4, 9.0, verdict, reasons, pairs)
    return Compared(SimpleNamespace(comparison=SimpleNamespace(effect=effect)), None, None)


@pytest.mark.parametrize(
    ("ratios", "reasons", "ratio"),
    [
        ((4.0, 2.0, 7.0), (BUSY,), 2.0),
        ((4.0, 0.8, 7.0), (BUSY,), 1.0),
        ((0.2, 0.6, 0.5), (BUSY,), 0.6),
        ((4.0, 2.0, 7.0), (BUSY, WRONG), None),
    ],
)
def test_on_a_busy_machine_the_pair_that_shows_least_is_judged(ratios, reasons, ratio):
    found = compared(ratios, "invalid", reasons)
    assert (found.ratio, found.quotable) == (ratio, None)


def test_a_valid_comparison_is_judged_by_its_effect():
    found = compared((4.0, 2.0, 7.0), "faster")
    assert (found.ratio, found.quotable) == (2.0, 2.0)
