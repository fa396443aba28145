"""The exercise of lesson 05 refuses what it can refuse without an application."""

import pytest

from lab.lesson.exercises.sessions import enough_connections, judged


@pytest.mark.parametrize(
    ("pool", "words"),
    [
        (..., "there is no pool yet"),
        ("queue:size=x", "give a whole number"),
        ("queue:size=40,overflow=0,threads=10", "a connection for every request"),
        ("null:threads=10", "a connection for every request"),
    ],
)
def test_what_is_no_answer_is_refused_before_anything_is_started(pool: object, words: str) -> None:
    done, text = enough_connections(pool)
    assert not done
    assert words in text


@pytest.mark.parametrize(("connections", "done"), [(30, False), (31, True), (32, False), (39, False)])
def test_only_the_smallest_safe_pool_is_done(connections: int, done: bool) -> None:
    assert judged(connections, threads=10, failed=0)[0] is done
    assert not judged(connections, threads=10, failed=1)[0]
    assert not judged(connections, threads=40, failed=0)[0]
