"""What the runs of a search come to: runs in doubt do not decide, and where only they can, the answer says so."""

import math
from pathlib import Path

import pytest

from lab.analyse import bottleneck
from lab.analyse.bottleneck import Limit
from lab.analyse.objective import parse
from lab.analyse.search import Reading
from lab.study.capacity import Tried, concluded

STARVED = "machine starved by other programs: 60 % of it in 1 of 1 runs, limit 25"
OVERLOAD = "no steady state: latency drifts past the half of all 1 runs; give a longer warm-up"


def tried(rate_per_s: float, excess: float, *reasons: str, what: str = bottleneck.POOL) -> Tried:
    return Tried(Path(f"run-{rate_per_s:g}"), rate_per_s, (), Reading(rate_per_s, excess), Limit(what, ""), reasons)


def found(*runs: Tried):
    return concluded(parse("p99 < 50 ms"), runs, "queue", Path("folder"), 6.0)


def around(capacity_per_s: float, *reasons: str) -> list[Tried]:
    """Runs of a system whose p99 grows with the fourth power of the rate."""
    shares = (0.7, 0.8, 0.9, 0.95, 1.05, 1.1, 1.2, 1.4)
    return [tried(capacity_per_s * share, 4 * math.log(share), *reasons) for share in shares]


def test_runs_in_doubt_do_not_move_an_answer_that_others_can_give():
    doubtful = [tried(800, -1.0, STARVED), tried(820, -1.2, STARVED)]
    alone, beside = found(*around(400)), found(*around(400), *doubtful)
    assert beside.answer == alone.answer
    assert alone.answer.low < 400 < alone.answer.high
    assert (beside.reasons, alone.left_out) == ((), ())
    assert beside.left_out == ("machine starved by other programs, 2 of 10 runs",)
    assert beside.as_dict()["valid"] is True
    assert [run["believed"] for run in beside.as_dict()["runs"]] == [True] * 8 + [False] * 2


def test_an_answer_that_stands_on_runs_in_doubt_says_so():
    answer = found(*around(400, STARVED))
    assert answer.answer.rate_per_s == pytest.approx(400, rel=0.05)
    assert answer.reasons == ("machine starved by other programs, 8 of 8 runs",)
    assert answer.as_dict()["valid"] is False


def test_believed_runs_on_one_side_alone_are_no_answer_to_be_quoted():
    answer = found(*(one for one in around(400) if one.reading.met), tried(500, 1.0, STARVED))
    assert answer.reasons == ("machine starved by other programs, 1 of 5 runs",)


def test_what_too_high_a_rate_brings_is_no_doubt_that_it_was_missed():
    assert tried(900, 2.0, OVERLOAD).doubts == ()
    assert tried(900, -2.0, OVERLOAD).doubts == (OVERLOAD,)
    assert tried(900, 2.0, OVERLOAD, STARVED).doubts == (STARVED,)


def test_a_load_that_could_not_be_made_is_no_miss():
    answer = found(tried(100, -1.0), tried(200, 3.0, STARVED, what=bottleneck.GENERATOR))
    assert (answer.answer.rate_per_s, answer.answer.low) == (None, 100)
    assert answer.limit.what == bottleneck.GENERATOR
