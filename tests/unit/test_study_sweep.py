"""What a sweep plans: blocks of every cell, and how long it will take."""

from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from lab import config
from lab.errors import UsageError
from lab.record.sweep import of_question
from lab.study import sweep
from lab.study.question import parse
from lab.study.sweep import STARTING_S, _left_s, order
from lab.watch import Quiet

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


def test_a_damaged_sweep_is_blamed_on_its_own_question(tmp_path):
    for name in ("20260101-120000-pool-size-3f2a", "20260101-120000-size-3f2b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "sweep.json").write_text("{")
    for name in ("pool-size", "size"):
        _, damaged = of_question(tmp_path, name)
        assert len(damaged) == 1
        assert f"120000-{name}-3" in damaged[0]
    assert of_question(tmp_path, "pool") == ([], [])


GROUND = """
repeats = 1
[grid]
users = [1, 2]
size = [2, 4]
[grid.server]
work_mem = ["4MB", "8MB"]
[grid.table.posts]
fillfactor = [50, 90]
[load]
overflow = 0
"""


def test_trying_visits_each_combination_of_settings_and_parameters_once_and_rewrites_nothing(monkeypatch, tmp_path):
    started, prepared = [], []

    @contextmanager
    def running(asked, say, settings):
        started.append(settings["work_mem"])
        yield SimpleNamespace(owner_dsn="", app_slots=10, max_connections=20)

    monkeypatch.setattr(sweep.servers, "running", running)
    monkeypatch.setattr(sweep, "set_storage", lambda dsn, wanted, rewritten: prepared.append((wanted, set(rewritten))))
    question = parse(GROUND)
    with sweep._Ground(question, config.read({"LAB_HOME": str(tmp_path)}), Quiet()) as ground:
        ground.try_all(question)
        assert started == ["4MB", "8MB"]
        factors = [wanted["posts"]["fillfactor"] for wanted, _ in prepared]
        assert sorted(factors) == ["50", "50", "90", "90"]
        assert not any(rewritten for _, rewritten in prepared)
        ground.under(question.cells[0])
        assert prepared[-1][1] == {"posts"}


def test_a_pool_that_is_too_large_is_found_in_any_cell_of_a_combination(monkeypatch, tmp_path):
    @contextmanager
    def running(asked, say, settings):
        yield SimpleNamespace(owner_dsn="", app_slots=10, max_connections=20)

    monkeypatch.setattr(sweep.servers, "running", running)
    question = parse("[grid]\nusers = [1]\nsize = [2, 4, 50]\n[load]\noverflow = 0\n")
    with (
        sweep._Ground(question, config.read({"LAB_HOME": str(tmp_path)}), Quiet()) as ground,
        pytest.raises(UsageError, match="line 3"),
    ):
        ground.try_all(question)
