"""What a sweep plans: blocks of every cell, and how long it will take."""

from lab.study.question import parse
from lab.study.sweep import STARTING_S, _left_s, order

QUESTION = parse("repeats = 3\n[grid]\nusers = [1, 2, 4]\n[load]\nwarmup_s = 1\nmeasured_s = 2\n")


def test_each_block_has_every_cell_once_in_an_order_of_its_own():
    runs = order(QUESTION)
    blocks = [[run.cell for run in runs if run.repeat == repeat] for repeat in (1, 2, 3)]
    assert all(sorted(block) == ["cell-1", "cell-2", "cell-3"] for block in blocks)
    assert [run.number for run in runs] == list(range(1, 10))
    assert len({run.folder for run in runs}) == 9
    assert len({tuple(block) for block in blocks}) > 1
    assert order(QUESTION) == runs


def test_the_time_left_is_known_before_the_first_run_and_learns_from_those_made():
    assert _left_s(QUESTION.cells, []) == 3 * (3.0 + STARTING_S)
    assert _left_s(QUESTION.cells[:2], [4.0, 6.0]) == 2 * (3.0 + 5.0)
