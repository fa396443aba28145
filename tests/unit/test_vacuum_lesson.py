"""Lesson 07: what the exercise accepts, and titles that say what was measured."""

from dataclasses import replace

import pytest

from lab.demonstrate.dead_percent import Said
from lab.demonstrate.probing import READS, UPKEEP, WRITES, Met, Table
from lab.demonstrate.rewriting import Beside, Disk, Question
from lab.demonstrate.vacuuming import Known, Stage, Tried
from lab.lesson import vacuum_pictures
from lab.lesson.exercises.vacuum import shorter_file

DONE = Tried("VACUUM (TRUNCATE on) scratch", kept=0.5, same_file=True, setting_kept=True, rows_lost=0)
ALL = (*READS, *WRITES, *UPKEEP)


@pytest.fixture
def titles(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The findings of the figures that are shown."""
    seen: list[str] = []
    for module in ("vacuum_pictures", "pictures"):
        monkeypatch.setattr(f"lab.lesson.{module}.show", lambda figure, structure, alt: seen.append(alt))
    return seen


def test_the_exercise_accepts_a_shorter_file_that_is_the_same_file() -> None:
    assert shorter_file(DONE)[0]


@pytest.mark.parametrize(
    ("tried", "why"),
    [
        (None, "no statement yet"),
        (replace(DONE, kept=1.0), "as long as before"),
        (replace(DONE, same_file=False), "written anew"),
        (replace(DONE, setting_kept=False), "setting"),
        (replace(DONE, rows_lost=7), "rows are missing"),
        (replace(DONE, error="syntax error"), "refused it: syntax error"),
    ],
)
def test_the_exercise_says_what_is_wrong(tried: Tried | None, why: str) -> None:
    done, text = shorter_file(tried)
    assert not done
    assert why in text


def test_the_grid_says_who_waits(titles: list[str]) -> None:
    for waits in ([False] * 6 + [True] * 8, [True] * 14):
        met = [Met(one.name, "ShareLock", wait) for one, wait in zip(ALL, waits, strict=True)]
        vacuum_pictures.waiting([Table("VACUUM", "ShareUpdateExclusiveLock", tuple(met))])
    assert titles == [
        "No reader and no writer waits for VACUUM; all upkeep does",
        "14 of 14 statements wait for VACUUM",
    ]


def test_a_file_that_shrank_is_said_to_have_shrunk(titles: list[str]) -> None:
    for length in (1000, 400):
        stages = {"filled": Stage("filled", 1000, 0, 1), "VACUUM": Stage("VACUUM", length, 0, 50)}
        vacuum_pictures.file(stages, 50)
    assert titles[0].startswith("VACUUM leaves the file as long as it was")
    assert titles[1] == "VACUUM gave back 60 % of the file"


def test_a_rewrite_without_a_copy_is_not_said_to_have_one(titles: list[str]) -> None:
    for beside in (500_000, 0):
        vacuum_pictures.disk(Disk("VACUUM FULL", "", 1_000_000, beside, 500_000, 47.0))
    assert titles[0].endswith("both copies are there: 1.5 times the table")
    assert titles[1] == "VACUUM FULL took no more disk than the table"


def test_the_readers_longest_wait_is_a_share_of_the_time_only_if_it_was_most_of_it(titles: list[str]) -> None:
    asked = (Question(-5.0, -4.0), Question(1.0, 91.0), Question(95.0, 96.0))
    for took_ms in (100.0, 1000.0):
        vacuum_pictures.readers([Beside("VACUUM FULL", took_ms, 10**6, asked)], 10)
    assert titles[0] == "Beside VACUUM FULL the reader waited 90 ms, 90 % of the time that it took"
    assert titles[1] == "Beside VACUUM FULL the reader's longest wait was 90 ms"


def test_answers_count_while_the_statement_runs() -> None:
    asked = (
        Question(-5.0, 1.0),
        Question(5.0, 6.0),
        Question(15.0, 98.0),
        Question(96.0, 97.0),
        Question(120.0, 121.0),
    )
    found = Beside("VACUUM", 100.0, 1, asked)
    assert found.answered == 1
    assert found.blocked == pytest.approx(0.83)


def test_how_far_off_an_estimate_is() -> None:
    assert Known("", 1, 5000, 0).times_off == Known("", 5000, 1, 0).times_off == 5000
    assert Known("", 0, 0, 0).times_off == 1


@pytest.mark.parametrize(
    ("listed", "dead", "dead_pct", "free_pct", "wrong", "blind"),
    [
        (True, 5000, 44, 1, False, False),
        (False, 0, 0, 47, False, True),
        (True, 0, 0, 47, True, False),
        (False, 900, 73, 8, True, True),
        (False, 0, 0, 2, False, False),
    ],
)
def test_what_the_query_says_is_judged(
    listed: bool, dead: int, dead_pct: float, free_pct: float, wrong: bool, blind: bool
) -> None:
    found = Said("scene", listed, None, dead, dead_pct, free_pct)
    assert (found.wrong, found.blind) == (wrong, blind)
