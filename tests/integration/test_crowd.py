"""The crowd: exactly so many in flight, and every answer counted."""

import pytest

from lab.demonstrate.crowd import crowd
from lab.errors import AppError


def test_each_user_asks_as_often_as_told_and_no_answer_is_lost(target):
    running = target("ok")
    found = crowd(running.url, "/posts/1", users=7, each=3)
    assert (found.done, found.failed, len(found.times_ms)) == (21, 0, 21)
    assert (running.seen()["requests"], running.seen()["connections"]) == (21, 7)


def test_a_failure_is_counted_by_its_status_and_has_no_time(target):
    found = crowd(target("fail").url, "/posts/1", users=2, each=2)
    assert found.done == 0
    assert found.failed == 4
    assert len(found.times_ms) == 0


def test_a_server_that_is_gone_is_one_line(target):
    running = target("ok")
    running.process.kill()
    running.process.wait()
    with pytest.raises(AppError, match="takes no 1 connections"):
        crowd(running.url, "/posts/1", users=1, each=1)


def test_seconds_and_each_exclude_each_other(target):
    with pytest.raises(ValueError, match="either"):
        crowd("http://127.0.0.1:1", "/", users=1)


def test_a_quantile_with_too_few_beyond_it_is_none(target):
    found = crowd(target("ok").url, "/posts/1", users=2, each=50)
    assert found.ms(0.5) is not None
    assert found.ms(0.99) is None
