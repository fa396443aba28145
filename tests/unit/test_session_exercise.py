"""The exercise of lesson 05 refuses what it can refuse without an application."""

import pytest

from lab.lesson.exercises.sessions import enough_connections


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
