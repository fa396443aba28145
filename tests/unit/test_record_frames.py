"""What was recorded, as pandas tables."""

import pytest

from lab.errors import RecordError
from lab.plan import LoadPlan
from lab.record import load
from tests import stored

SHORT = LoadPlan(users=4, warmup_s=0.5, measured_s=2.0)


def test_a_run_is_its_tables(tmp_path):
    run = stored.steady(20.0, load=SHORT).write(tmp_path)
    tables = load(run.folder)
    assert len(tables["requests"]) == run.manifest.books["planned"]
    assert set(tables) == set(run.manifest.files)
    assert "run" not in tables["requests"]


def test_several_runs_are_one_table_with_their_names(tmp_path):
    runs = stored.pairs(tmp_path, [(20, 10), (21, 11)], load=SHORT)
    requests = load(runs[0].folder.parent)["requests"]
    assert requests.groupby("run", observed=True).size().sum() == sum(run.manifest.books["planned"] for run in runs)
    assert set(requests["variant"]) == {run.manifest.variant for run in runs}


def test_every_column_says_what_it_means(tmp_path):
    tables = load(stored.steady(20.0, load=SHORT).write(tmp_path).folder)
    for name in tables:
        assert all(tables.describe(name).values()), name


def test_a_table_that_is_not_there_is_named_with_those_that_are(tmp_path):
    tables = load(stored.steady(20.0, load=SHORT).write(tmp_path).folder)
    with pytest.raises(KeyError, match="there are requests"):
        tables["answers"]


def test_a_folder_without_a_run_is_refused(tmp_path):
    with pytest.raises(RecordError, match="no complete run"):
        load(tmp_path)
