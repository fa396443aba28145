"""What was recorded, as pandas tables."""

import json
import re

import pytest

from lab.config import PROJECT
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


def test_units_are_those_of_the_names(tmp_path):
    units = load(stored.steady(20.0, load=SHORT).write(tmp_path).folder).units("requests")
    assert (units["done_us"], units["bytes"], units.get("status")) == ("us", "bytes", None)


def test_the_columns_that_say_whence_a_row_comes_are_described_too(tmp_path):
    runs = stored.pairs(tmp_path, [(20, 10), (21, 11)], load=SHORT)
    tables = load(runs[0].folder.parent)
    assert set(tables.describe("requests")) == set(tables["requests"].columns)


def without_requests(run):
    (run.folder / "requests.parquet").unlink()
    manifest = run.folder / "manifest.json"
    values = json.loads(manifest.read_text())
    del values["files"]["requests"]
    manifest.write_text(json.dumps(values))


def test_a_record_of_observation_alone_has_all_but_the_requests(tmp_path):
    run = stored.steady(20.0, load=SHORT).write(tmp_path)
    without_requests(run)
    tables = load(run.folder)
    assert set(tables) == set(run.manifest.files) - {"requests"}
    assert len(tables["activity"]) > 0
    with pytest.raises(KeyError, match="was not recorded"):
        tables["requests"]


def test_a_table_that_some_runs_lack_has_the_rows_of_the_others(tmp_path):
    first, second = stored.pairs(tmp_path, [(20, 10)], load=SHORT)
    without_requests(first)
    assert set(load(tmp_path)["requests"]["run"]) == {second.folder.name}


def test_the_example_of_the_reference_works_as_it_stands(tmp_path):
    runs = stored.pairs(tmp_path, [(20, 10), (21, 11)], load=SHORT)
    text = (PROJECT / "docs" / "reference.md").read_text().split("```python\nfrom lab.record import load\n")[1]
    example = re.sub(r'load\("[^"]+"\)', f"load({str(tmp_path)!r})", text.split("```")[0])
    *lines, last = example.strip().splitlines()
    names = {"load": load}
    exec("\n".join(lines), names)
    quantiles = eval(last, names)
    first, second = quantiles.index.get_level_values(0).unique()
    assert {first, second} == {run.manifest.variant for run in runs}
    assert quantiles["null"][0.5] > 10
