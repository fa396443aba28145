"""What a reader is told to set is arithmetic with known answers, and says when it does not fit."""

import pandas as pd
import pytest

from lab.analyse.sizing import connections_for, knee, waiting_share
from lab.demonstrate.pool_size import Burnt, Wave, growth
from lab.errors import UsageError
from lab.lesson.advice import WARNING, advice, formulas
from lab.lesson.exercises.sizing_the_pool import smallest_pool


def value(table: pd.DataFrame, setting: str) -> object:
    return dict(zip(table["setting"], table["value"], strict=True))[setting]


def warnings(table: pd.DataFrame) -> list[str]:
    return list(table[table["setting"] == WARNING]["value"])


def test_a_pool_is_sized_for_its_rate_and_some_chance() -> None:
    table = advice(workers=4, rate_per_s=400, hold_ms=12)  # 4.8 in use, 1.2 in each worker
    assert list(table.columns) == ["setting", "value", "why"]
    assert (value(table, "pool_size"), value(table, "workers x ceiling")) == (4, 16)
    assert not warnings(table)


def test_a_session_inside_the_handler_needs_no_limit_and_the_documented_one_does() -> None:
    assert value(advice(pattern="inside"), "requests in flight") == "no limit"
    assert value(advice(pattern="documented", threads=40), "requests in flight") == 40 + 4 - 1
    assert value(advice(pattern="documented", threads=10), "requests in flight") == 10 + 4 - 1


def test_max_connections_leaves_room_for_old_and_new_workers() -> None:
    assert value(advice(), "max_connections") == 100
    small = advice(max_connections=30)
    assert value(small, "max_connections") == 2 * 16 + 3 + 5
    assert warnings(small) == ["no rolling deploy"]


def test_more_workers_than_slots_do_not_fit() -> None:
    assert warnings(advice(workers=120)) == ["does not fit"]


def test_a_rate_that_no_pool_can_serve_is_told() -> None:
    assert "too little" in warnings(advice(workers=4, rate_per_s=1000, hold_ms=100, max_connections=100))
    short_of_threads = advice(workers=1, rate_per_s=1000, hold_ms=50, max_connections=500)
    assert value(short_of_threads, "pool_size") == 40
    assert "more workers" in " ".join(short_of_threads["why"])


def test_statements_that_outnumber_the_cores_are_told() -> None:
    assert warnings(advice(rate_per_s=1000, hold_ms=12, cores=2)) == ["more than the cores"]
    assert not warnings(advice(rate_per_s=100, hold_ms=12, cores=2))


def test_reasons_are_shown_whole() -> None:
    html = advice()._repr_html_()  # type: ignore[operator]
    assert "all workers get alike" in html
    assert "..." not in html


@pytest.mark.parametrize(
    ("change", "says"),
    [({"pattern": "magic"}, "'magic' is unknown"), ({"workers": 0}, "workers is 0"), ({"hold_ms": 0}, "hold-ms is 0")],
)
def test_what_makes_no_sense_is_refused(change: dict[str, object], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        advice(**change)  # type: ignore[arg-type]


def test_the_share_that_waits_is_erlangs() -> None:
    assert waiting_share(0.5, 1) == pytest.approx(0.5)  # one server: its utilisation
    assert waiting_share(8, 10) == pytest.approx(0.409, abs=0.001)
    assert waiting_share(2, 2) == 1.0
    assert connections_for(8, 0.05) == 14


def test_formulas_stand_beside_what_was_measured() -> None:
    table = formulas(knee({2: 90.0, 8: 100.0}), workers=4, size=10, overflow=10, max_connections=100)
    assert list(table["value"])[:3] == ["80", "97", "24"]
    assert list(table["value"])[-1] == "2"


def wave(size: int, timeouts: int) -> Wave:
    return Wave(size, timeouts, sent=20, answered=20 - timeouts, hold_ms=500, timeout_s=1.25)


def test_seven_connections_are_the_least_for_twenty_requests_in_three_rounds() -> None:
    assert wave(7, 0).least == 7
    assert smallest_pool(wave(7, 0))[0]
    assert not smallest_pool(wave(6, 2))[0]
    assert not smallest_pool(wave(8, 0))[0]
    assert not smallest_pool(None)[0]


def test_growth_is_the_last_over_the_first_or_unknown() -> None:
    first, last = Burnt(2, 100, None, 5, 1, 9), Burnt(40, 150, 20, 50, 1, 9)
    assert growth([first, last], "executed_ms") == 10
    assert growth([first, last], "users_p50_ms") is None
