"""The demonstrations of the pool's settings: known answers beside those that lesson 03 and its claims give."""

from pathlib import Path

import pytest

from lab import config as settings
from lab.demonstrate import filling, lifetime, restart, roundtrips, waiting
from lab.demonstrate.bench import Bench
from lab.demonstrate.lifetime import Night
from lab.errors import ServerError
from lab.lesson.exercises import pool_settings

IDLE = {"options": "-c idle_session_timeout=400"}


@pytest.fixture
def bench(server, server_config, tmp_path: Path) -> Bench:
    quick = settings.read({"LAB_HOME": str(server_config.home), "LAB_SCALE": "ci"})
    return Bench(server, quick, tmp_path)


def test_what_the_server_shows_is_size_plus_the_gauge_overflow(bench: Bench) -> None:
    levels = filling.follow(bench, (0, 2, 5, 9, 4, 0), size=3, overflow=4)
    assert [level.backends for level in levels] == [3 + level.overflow for level in levels]
    assert [level.out for level in levels] == [0, 2, 5, 7, 4, 0]


def test_without_a_limit_of_overflow_as_many_are_open_as_are_wanted(bench: Bench) -> None:
    levels = filling.follow(bench, (12, 0), size=2, overflow=-1)
    assert [level.backends for level in levels] == [12, 2]


def test_a_pool_of_size_zero_has_no_limit_and_keeps_all(bench: Bench) -> None:
    levels = filling.follow(bench, (12, 0), size=0, overflow=3)
    assert [level.backends for level in levels] == [12, 12]


def test_a_recycle_of_zero_opens_a_connection_for_each_checkout(bench: Bench) -> None:
    found = lifetime.never_idle(bench, recycle_s=0, seconds=0.3)
    assert found.backends == found.uses


def test_a_checkout_is_served_as_soon_as_a_slow_connection_comes_back(bench: Bench) -> None:
    found = waiting.stranded(bench, timeout_s=3.0, fails=False)
    assert found.room_after_s <= found.served_after_s < found.timeout_s


def test_a_transaction_left_open_is_ended_by_the_pool_and_not_without_its_reset(bench: Bench) -> None:
    ended = roundtrips.sent(bench, "abandoned")
    left = roundtrips.sent(bench, "abandoned", pool_reset_on_return=None)
    assert ended["BEGIN"] == ended["ROLLBACK"] == 1
    assert "ROLLBACK" not in left
    assert "BEGIN" not in left  # the next user goes on in the transaction of the last


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"pool_use_lifo": True, "pool_pre_ping": True, "connect_args": IDLE}, "every request was served"),
        ({"pool_use_lifo": True, "connect_args": IDLE}, "7 of 8 requests failed"),
        ({"pool_pre_ping": True, "connect_args": IDLE}, "still has 8 of 8"),
        ({"pool_use_lifo": True, "pool_pre_ping": True}, "still has 8 of 8"),
        ({"pool_size_typo": 1}, "no engine works"),
        ({"connect_args": {"options": "..."}}, "in place of the dots"),
    ],
    ids=["all three", "no ping", "fifo", "no timeout", "unknown", "unfinished"],
)
def test_the_exercise_looks_at_what_the_server_shows(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, options: dict[str, object], expected: str
) -> None:
    monkeypatch.setattr(pool_settings, "bench", lambda: bench)
    done, text = pool_settings.shrink(options)
    assert expected in text
    assert done == ("every request" in expected)


def test_a_restart_without_a_server_to_restart_says_why_and_shows_nothing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(*_: object, **__: object) -> None:
        raise ServerError("there are no programs of PostgreSQL here")

    monkeypatch.setattr(restart, "private", missing)
    found = restart.restarted(bench)
    assert (found.fewest_failed, found.all_back) == (None, None)
    assert "no programs" in found.problem


def test_a_night_with_two_backends_left_and_no_failure_is_done() -> None:
    assert pool_settings.judged(Night(8, 2, 0))[0]
    assert not pool_settings.judged(Night(8, 3, 0))[0]
    assert not pool_settings.judged(Night(8, 1, 1))[0]
